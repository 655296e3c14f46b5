"""Losses of the segmentation head."""

import pytest
import torch
import torch.nn.functional as F

from training.segmentation.losses import segmentation_loss


def targets(seed: int, count: int = 3) -> torch.Tensor:
    classes = torch.randint(0, 3, (count, 8, 8), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(classes, 3).permute(0, 3, 1, 2).float()


def test_with_known_leaves_it_is_cross_entropy():
    logits, shares = torch.randn(3, 3, 8, 8), targets(0)
    found = segmentation_loss(logits, shares, torch.ones(3, dtype=torch.bool), 0.0)
    torch.testing.assert_close(found, F.cross_entropy(logits, shares))


def test_where_the_leaf_is_unknown_leaf_and_background_are_one_class():
    logits, shares = torch.randn(2, 3, 8, 8), targets(1, 2)
    unknown = torch.zeros(2, dtype=torch.bool)
    other = shares[:, [1, 0, 2]]
    found = segmentation_loss(logits, shares, unknown, 1.0)
    torch.testing.assert_close(found, segmentation_loss(logits, other, unknown, 1.0))
    swapped = segmentation_loss(logits[:, [1, 0, 2]], shares, unknown, 0.0)
    torch.testing.assert_close(segmentation_loss(logits, shares, unknown, 0.0), swapped)


def test_a_perfect_answer_costs_nothing():
    shares = targets(2)
    loss = segmentation_loss(40 * (shares - 0.5), shares, torch.tensor([True, True, False]), 1.0)
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_halves_of_a_batch_add_up():
    logits, shares = torch.randn(4, 3, 8, 8), targets(3, 4)
    known = torch.tensor([True, False, True, False])
    whole = segmentation_loss(logits, shares, known, 1.0)
    parts = [segmentation_loss(logits[i : i + 2], shares[i : i + 2], known[i : i + 2], 1.0) for i in (0, 2)]
    torch.testing.assert_close(whole, sum(parts) / 2)
