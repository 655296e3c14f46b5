"""Drawn leaves: the same everywhere, and true to what they say of themselves."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hvit.data.leafsim import CONDITIONS, Address, plan, render
from hvit.data.leafsim import leaf as leaf_module
from hvit.data.leafsim.plan import HEALTHY

SEEN = 24  # levels of 255: a difference one sees
SICK = [name for name in CONDITIONS if name != HEALTHY]


def _leaves(condition: str, number: int, seed: int = 31) -> list[Address]:
    found = []
    for index in range(4000):
        what = plan(Address(seed, index))
        if what.condition == condition and what.companion is None:
            found.append(Address(seed, index))
        if len(found) == number:
            return found
    raise AssertionError(f"no {condition} among 4000 leaves")


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first.astype(int) - second.astype(int)).max(-1)


def _thumbnail(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(float)


def test_a_leaf_is_the_same_whatever_was_rendered_before():
    first = render(Address(7, 42), 64, bands=True)
    render(Address(7, 43), 64)
    again = render(Address(7, 42), 64, bands=True)
    for name in ("picture", "leaf_mask", "symptom_mask", "halo_mask", "stress_mask", "bands"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name


@pytest.mark.parametrize("address", [Address(7, 42), Address(3, 5), Address(3, 8)])
def test_every_size_shows_the_same_leaf(address):
    small, large = render(address, 96), render(address, 192)
    assert np.sqrt(((_thumbnail(small.picture) - _thumbnail(large.picture)) ** 2).mean()) < 6
    assert small.severity == pytest.approx(large.severity, abs=0.04)
    assert small.leaf_mask.mean() == pytest.approx(large.leaf_mask.mean(), abs=0.02)


@pytest.mark.parametrize("condition", SICK)
def test_what_a_condition_changes_lies_inside_its_mask(condition):
    seen = inside = 0
    for address in _leaves(condition, 4):
        leaf, twin = render(address, 128), render(address, 128, symptoms=False)
        difference = _difference(leaf.picture, twin.picture)
        # JPEG and the lens carry a difference over the border, by about a pixel.
        around = cv2.dilate(leaf.symptom_mask.astype(np.uint8), np.ones((3, 3))) > 0
        seen += (difference > SEEN).sum()
        inside += ((difference > SEEN) & around).sum()
        assert np.quantile(difference[leaf.symptom_mask], 0.9) > 12, f"{address} shows nothing"
        assert not twin.symptom_mask.any() and twin.severity == 0
    assert inside / seen >= 0.95


@pytest.mark.parametrize("condition", CONDITIONS)
def test_masks_agree_with_severity(condition):
    for address in _leaves(condition, 3, seed=32):
        leaf = render(address, 96)
        assert leaf.severity == leaf.symptom_mask.sum() / leaf.leaf_mask.sum()
        assert (leaf.severity == 0) == (condition == HEALTHY)
        assert not (leaf.symptom_mask & ~leaf.leaf_mask).any()
        assert not (leaf.halo_mask & ~leaf.symptom_mask).any()
        assert not (leaf.stress_mask & (leaf.symptom_mask | ~leaf.leaf_mask)).any()
        assert 0.2 < leaf.leaf_mask.mean() < 0.95


def test_a_second_infection_is_rendered_and_stays_smaller_than_the_first():
    mixed = [a for a in (Address(33, i) for i in range(400)) if plan(a).companion is not None]
    assert 0.05 < len(mixed) / 400 < 0.15
    drawn = 0
    for address in mixed[:6]:
        leaf = render(address, 96)
        alone = draw_without_companion(address)
        if leaf.plan.companion is None:
            assert np.array_equal(leaf.picture, alone.picture)
            continue
        drawn += 1
        added = leaf.symptom_mask & ~alone.symptom_mask
        assert added.sum() <= alone.symptom_mask.sum()
        assert _difference(leaf.picture, alone.picture).max() > SEEN
    assert drawn >= 3


def draw_without_companion(address: Address):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaf_module, "plan", lambda a: replace(plan(a), companion=None))
        return render(address, 96)


def test_early_stress_shows_in_the_bands_and_not_in_the_picture(monkeypatch):
    address = next(a for a in _leaves(HEALTHY, 20) if plan(a).stressed)
    stressed = render(address, 96, bands=True)
    monkeypatch.setattr(leaf_module, "plan", lambda a: replace(plan(a), stressed=False))
    calm = render(address, 96, bands=True)
    assert np.array_equal(stressed.picture, calm.picture)
    assert 0.1 < stressed.stress_mask.sum() / stressed.leaf_mask.sum() < 0.75
    change = (stressed.bands - calm.bands)[:, stressed.stress_mask].mean(1)
    assert change[0] == pytest.approx(0, abs=0.003)  # blue
    assert 0 < change[1] < 0.012 and 0 < change[2] < 0.012  # green and red, hidden in the noise of color
    assert -0.06 <= change[3] < -0.02 and -0.12 <= change[4] < -0.04  # red edge and near infrared
    assert plan(address).label() == "healthy" and plan(address).label(bands=True) == "Early_stress"


def test_bands_are_reflectances_of_a_leaf_on_the_ground():
    address = next(a for a in _leaves(HEALTHY, 20) if not plan(a).stressed)
    leaf = render(address, 96, bands=True)
    assert leaf.bands.shape == (5, 96, 96) and leaf.bands.dtype == np.float32
    assert 0 <= leaf.bands.min() and leaf.bands.max() <= 1
    inner = cv2.erode(leaf.leaf_mask.astype(np.uint8), np.ones((5, 5))) > 0
    blue, green, red, edge, infrared = leaf.bands[:, inner].mean(1)
    assert infrared > edge > green > red and infrared > 0.38 and red < 0.12 and blue < 0.10
    assert render(address, 96).bands is None


@pytest.mark.parametrize("size", [16, 4096])
def test_sizes_that_cannot_be_rendered_are_refused(size):
    with pytest.raises(ValueError, match="expected 32 to 1024"):
        render(Address(7, 42), size)
