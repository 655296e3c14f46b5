"""One photo put to the test: a model that looks at one corner, and maps that mark it or not."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hvit.explain.color_scale import RELATIVE_SHARE
from hvit.explain.explanation import Explanation
from hvit.explain.perturbation import NUM_RANDOM_MASKS, masked_cells, perturbation_test

CLASSES = ("Tomato___Late_blight", "Tomato___healthy", "Potato___Early_blight")


class Corner(nn.Module):
    """The second class has the contrast of the top left 16 x 16 px as its score, all others 0."""

    def forward(self, images):
        corner = images[:, :, :16, :16].std(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(corner), 4 * corner, torch.zeros_like(corner)], 1)


CHECKPOINT = SimpleNamespace(model=Corner(), temperature=2.0, classes=CLASSES)


def photo():
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, :16:2, :16] = 2.0
    return images


def marks(row: int, column: int) -> Explanation:
    """A map of squares of 16 px with all its weight on one."""
    attribution = np.zeros((4, 4), np.float32)
    attribution[row, column] = 1
    return Explanation(attribution, "rollout", None, {}, RELATIVE_SHARE, is_additive=True)


def test_covering_what_the_model_attends_to_lowers_the_probability_more_than_chance():
    found = perturbation_test(CHECKPOINT, photo(), marks(0, 0), 1)
    assert found.original == pytest.approx(np.exp(4 * photo()[..., :16, :16].std().item() / 2) / (
        2 + np.exp(4 * photo()[..., :16, :16].std().item() / 2)), abs=1e-5)  # fmt: skip
    assert found.top_masked < found.original - 0.1 and found.random_masked > found.top_masked + 0.1
    assert (found.fraction, found.num_random_masks, found.class_index) == (0.1, NUM_RANDOM_MASKS, 1)


def test_covering_another_place_changes_nothing():
    found = perturbation_test(CHECKPOINT, photo(), marks(3, 3), 1)
    assert found.top_masked == pytest.approx(found.original, abs=1e-6)


def test_with_a_crop_chances_are_those_among_its_classes():
    whole, tomato = perturbation_test(CHECKPOINT, photo(), marks(0, 0), 1), perturbation_test(
        CHECKPOINT, photo(), marks(0, 0), 1, "tomato"
    )  # fmt: skip
    odds = whole.original / (1 - whole.original)  # two others of equal chance: one of them is a tomato
    assert tomato.original == pytest.approx(2 * odds / (2 * odds + 1), abs=1e-6)


def test_a_tenth_is_marked_where_the_map_is_strongest():
    mask = masked_cells(marks(0, 0), 64, 64)
    assert mask.shape == (16, 16) and mask.sum() == round(0.1 * 256)
    assert mask[:4, :4].all()
