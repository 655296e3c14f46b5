"""Leaf masks by the segmentation head of a run."""

from dataclasses import replace

import pytest
import torch

from hvit.data.leafsim import Address, render
from hvit.models.segmentation import SegmentationHead
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.leaf_masks import segmented_leaf_mask
from hvit.severity.estimator import SeverityEstimator


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    """A run with a head of random weights."""
    plain = load_checkpoint(tiny_run)
    torch.manual_seed(0)
    head = SegmentationHead(plain.model.stage_dims(), dim=16, detail_dim=8).eval()
    return replace(plain, severity=SeverityEstimator(head, 0.5, {}, {}, "0" * 64))


def test_a_mask_has_the_sides_of_the_photo(checkpoint):
    mask = segmented_leaf_mask(checkpoint)(render(Address(11, 9), 100).picture[:80])
    assert mask.shape == (80, 100) and mask.dtype == bool


@pytest.mark.parametrize(("leaf_logit", "covered"), [(20.0, True), (-20.0, False)])
def test_pixels_are_leaf_where_the_head_says_so(checkpoint, leaf_logit, covered):
    class Certain(torch.nn.Module):
        def forward(self, feature_maps, detail):
            logits = torch.zeros(len(detail), 3, detail.shape[2] // 2, detail.shape[3] // 2)
            logits[:, 1] = leaf_logit
            logits[:, 2] = -20
            return logits

    certain = replace(checkpoint, severity=replace(checkpoint.severity, head=Certain()))
    assert (segmented_leaf_mask(certain)(render(Address(11, 9), 64).picture) == covered).all()


def test_a_run_without_a_head_is_refused(tiny_run):
    with pytest.raises(ValueError, match="has no segmentation head"):
        segmented_leaf_mask(load_checkpoint(tiny_run))
