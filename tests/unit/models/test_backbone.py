"""Sizes, position embeddings and the weights of merging."""

import pytest
import torch

from hvit.models import create_model
from hvit.models.backbone import fit_sides, receptive_field_weights
from hvit.models.layers import PatchMerging


@pytest.mark.parametrize(
    ("sides", "fitted"),
    [((64, 64), (64, 64)), ((79, 80), (64, 96)), ((224, 225), (224, 224)), ((111, 113), (96, 128))],
)
def test_sides_go_to_the_nearest_multiple_of_32(sides, fitted):
    assert fit_sides(*sides) == fitted


def test_an_image_between_sizes_is_resized_once_and_not_padded():
    torch.manual_seed(0)
    model, images = create_model("hvit_tiny", num_classes=3).eval(), torch.randn(1, 3, 70, 100)
    resized = torch.nn.functional.interpolate(images, (64, 96), mode="bilinear", antialias=True)
    with torch.no_grad():
        assert torch.equal(model(images), model(resized))


def test_the_unit_embedding_repeats_every_32_px():
    model = create_model("hvit_tiny")
    unit = model.backbone.embeddings(64, 96)[0]
    assert unit.shape == (1, 16, 24, 32)
    assert torch.equal(unit[:, 8:, 16:], model.backbone.unit_embedding)


def test_the_image_embedding_is_itself_at_its_own_size():
    backbone = create_model("hvit_tiny", img_size=128).backbone
    assert torch.equal(backbone.embeddings(128, 128)[2], backbone.image_embedding)
    assert backbone.embeddings(64, 96)[2].shape == (1, 4, 6, 128)


def test_merging_weights_follow_the_strength_of_each_tap():
    """By hand: tokens are (1, -1) after the norm, and the taps weigh 1 to 9 on the first channel."""
    merge = PatchMerging(2, 1)
    tokens = torch.tensor([3.0, 1.0]).expand(1, 4, 4, 2)
    with torch.no_grad():
        merge.conv.weight[0, 0] = torch.arange(1.0, 10).reshape(3, 3)
        merge.conv.weight[0, 1] = 0
        weights = receptive_field_weights(merge, merge.norm(tokens))
    assert weights.shape == (1, 2, 2, 9)
    torch.testing.assert_close(weights[0, 1, 1], torch.arange(1.0, 10) / 45)
    corner = torch.tensor([0, 0, 0, 0, 5, 6, 0, 8, 9]) / 28  # beyond the border counts nothing
    torch.testing.assert_close(weights[0, 0, 0], corner)


def test_merging_weights_are_even_where_no_tap_contributes():
    merge = PatchMerging(2, 1)
    with torch.no_grad():
        merge.conv.weight.zero_()
        weights = receptive_field_weights(merge, torch.randn(1, 4, 4, 2))
    torch.testing.assert_close(weights[0, 1, 1], torch.full((9,), 1 / 9))
    torch.testing.assert_close(weights[0, 0, 0], torch.tensor([0, 0, 0, 0, 1, 1, 0, 1, 1]) / 4)
