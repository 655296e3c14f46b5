"""Sizes, position embeddings and the weights of merging."""

import pytest
import torch

from hvit.models import create_model
from hvit.models.backbone import fit_sides
from hvit.models.layers import Block, PatchMerging, PositionConv
from hvit.models.stages import neighbor_weights, receptive_field_weights


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
    unit = model.backbone.position_embeddings(64, 96)[0]
    assert unit.shape == (1, 16, 24, 32)
    assert torch.equal(unit[:, 8:, 16:], model.backbone.unit_embedding)


def test_the_image_embedding_is_itself_at_its_own_size():
    backbone = create_model("hvit_tiny", img_size=128).backbone
    assert torch.equal(backbone.position_embeddings(128, 128)[2], backbone.image_embedding)
    assert backbone.position_embeddings(64, 96)[2].shape == (1, 4, 6, 128)


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


def test_position_weights_follow_the_strength_of_each_neighbor():
    """By hand: tokens (3, 4), taps that scale both channels by 1 to 9; the token itself counts 5 + 1."""
    position = PositionConv(2)
    with torch.no_grad():
        position.conv.weight[:] = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
        weights = neighbor_weights(position, torch.tensor([3.0, 4.0]).expand(1, 3, 3, 2))
    assert weights.shape == (1, 3, 3, 9)
    torch.testing.assert_close(weights[0, 1, 1], torch.tensor([1.0, 2, 3, 4, 6, 6, 7, 8, 9]) / 46)
    corner = torch.tensor([0.0, 0, 0, 0, 6, 6, 0, 8, 9]) / 29  # beyond the border counts nothing
    torch.testing.assert_close(weights[0, 0, 0], corner)


def test_position_weights_take_each_channel_with_its_own_kernel_and_each_neighbor_with_its_own_size():
    """By hand: the left neighbor (3, 4) through taps (0, 2) has norm 8, the token itself, (5, 12), has norm 13."""
    position = PositionConv(2)
    with torch.no_grad():
        position.conv.weight.zero_()
        position.conv.weight[1, 0, 1, 0] = 2
        tokens = torch.tensor([[3.0, 4.0], [5.0, 12.0]])[None, None]
        weights = neighbor_weights(position, tokens)
    torch.testing.assert_close(weights[0, 0, 1, 3:5], torch.tensor([8.0, 13.0]) / 21)
    torch.testing.assert_close(weights[0, 0, 0], torch.eye(9)[4])


def test_a_token_of_nothing_is_itself():
    weights = neighbor_weights(PositionConv(2), torch.zeros(1, 2, 2, 2))
    assert torch.equal(weights, torch.eye(9)[4].expand(1, 2, 2, 9))


def test_the_contribution_of_attention_is_measured_by_norms():
    torch.manual_seed(0)
    block, tokens = Block(8, 4, 2.0, 0.0).eval(), torch.randn(3, 5, 8)
    with torch.no_grad():
        _, _, share = block.forward_with_weights(tokens, 3)
        added = block.attn(block.norm1(tokens)).norm(dim=-1)
        torch.testing.assert_close(share, added / (added + tokens.norm(dim=-1)))
        block.attn.proj.weight.zero_()
        block.attn.proj.bias.zero_()
        assert not block.forward_with_weights(tokens, 3)[2].any()
