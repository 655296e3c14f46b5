"""Leaf masks by the segmentation head of a run."""

from dataclasses import replace

import pytest
import torch

from hvit.data.leafsim import Address, render
from hvit.models.segmentation import SegmentationHead
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.leaf_masks import run_that_segments, segmented, segmented_leaf_mask
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


def test_symptoms_are_part_of_the_leaf_and_a_leaf_that_fills_the_photo_is_a_problem(checkpoint):
    class AllSymptom(torch.nn.Module):
        def forward(self, feature_maps, detail):
            logits = torch.zeros(len(detail), 3, detail.shape[2] // 2, detail.shape[3] // 2)
            logits[:, 2] = 20
            return logits

    found = segmented(replace(checkpoint, severity=replace(checkpoint.severity, head=AllSymptom())))(
        render(Address(11, 9), 64).picture
    )
    assert found.leaf.all() and found.symptom.all() and found.single_leaf.all()
    assert found.problem == "the leaf fills the photo, so its outline is not visible"


def test_a_run_segments_its_own_photos_where_it_has_a_head(checkpoint, tiny_run):
    assert run_that_segments(checkpoint, None) is checkpoint
    assert run_that_segments(checkpoint, "color") is None
    assert run_that_segments(load_checkpoint(tiny_run), None) is None


def test_a_damaged_head_is_not_skipped(checkpoint):
    with pytest.raises(ValueError, match="it was changed"):
        run_that_segments(replace(checkpoint, severity=None, severity_problem="it was changed"), None)


def test_the_run_that_is_named_segments(checkpoint, tiny_run):
    with pytest.raises(ValueError, match=f"run {tiny_run.name} has no segmentation head"):
        run_that_segments(checkpoint, str(tiny_run))
