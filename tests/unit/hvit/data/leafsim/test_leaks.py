"""The class of a drawn leaf must be told by the leaf alone."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hvit.data.datasets.reading import read_samples
from hvit.data.inspection.check import background_report, corner_patches
from hvit.data.leafsim import CONDITIONS, Address, plan, render
from hvit.data.leafsim import leaf as leaf_module
from hvit.data.leafsim.plan import HEALTHY, SPECIES


@pytest.mark.parametrize(("num_leaves", "n"), [(240, 80), pytest.param(600, 200, marks=pytest.mark.slow)])
def test_the_background_alone_predicts_no_condition(num_leaves, n):
    samples = read_samples([f"leafsim:v1/61/0-{num_leaves - 1}"])
    corners = np.stack([corner_patches(render(Address(61, i), 80).picture) for i in range(len(samples))])
    order = [replace(s, split="test" if i < n else "train") for i, s in enumerate(samples)]
    report = background_report(order, corners)
    shares = np.array(list(Counter(s.label for s in samples).values())) / len(samples)
    chance = (shares**2).sum()  # guessing in proportion
    assert report["n"] == n
    assert report["top1"] < chance + 2.6 * (chance * (1 - chance) / n) ** 0.5


def test_another_condition_leaves_the_scene_around_the_leaf_as_it_was(monkeypatch):
    for index in range(4):
        address = Address(62, index)
        species = plan(address).species
        pictures = {}
        for condition in ("Powdery_mildew", "Late_blight", HEALTHY):
            chosen = replace(plan(address), species=species, condition=condition, companion=None)
            monkeypatch.setattr(leaf_module, "plan", lambda a, chosen=chosen: chosen)
            leaf = render(address, 96)
            pictures[condition] = leaf.picture.astype(int)
        outside = ~_grown(leaf.leaf_mask)
        for other in ("Powdery_mildew", "Late_blight"):
            assert np.abs(pictures[other] - pictures[HEALTHY])[outside].mean() < 1.0


def _grown(mask: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.dilate(mask.astype(np.uint8), np.ones((17, 17))) > 0  # JPEG blocks and a blurred lens reach beyond


def test_shape_predicts_no_condition_but_gray_leaf_spot():
    seen = {name: Counter() for name in CONDITIONS}
    for index in range(12000):
        what = plan(Address(63, index))
        seen[what.condition][what.species] += 1
    assert set(seen["Gray_leaf_spot"]) == {"maize", "rice"}
    total = sum(SPECIES.values())
    for condition in set(CONDITIONS) - {"Gray_leaf_spot"}:
        n = sum(seen[condition].values())
        for species, weight in SPECIES.items():
            share = weight / total
            assert abs(seen[condition][species] / n - share) < 4 * (share * (1 - share) / n) ** 0.5, (
                condition,
                species,
            )
