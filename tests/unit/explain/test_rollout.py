"""Rollout against the explicit matrix product, and the properties that make it a share."""

import pytest
import torch

from hvit.explain.rollout import _through_blocks, _through_merging, heatmap, lift, rollout, rollout_heatmap
from hvit.models import Details, HViT, ModelConfig
from hvit.models.backbone import StageRecord

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = ModelConfig((8, 16, 16, 32), (1, 2, 2, 1), head_dim=8, num_classes=5, img_size=64)
    model = HViT(config).eval()
    with torch.no_grad():  # far from even attention, so that a wrong order of the factors shows
        for name, parameter in model.named_parameters():
            if "qkv.weight" in name:
                parameter.mul_(40)
    return model


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def details(model, images):
    with torch.no_grad():
        return model.forward_details(images)


def window_numbers(side, height, width):
    """Token numbers of each window, row by row within it."""
    numbers = torch.arange(height * width).reshape(height, width)
    if side == 0:
        return [numbers.flatten()]
    return [
        numbers[top : top + side, left : left + side].flatten()
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def block_matrix(attention, stage, image, height, width, residual):
    windows = window_numbers(stage.window_tokens, height, width)
    matrix = torch.zeros(height * width, height * width, dtype=torch.float64)
    for number, tokens in enumerate(windows):
        mean = attention[image * len(windows) + number].double().mean(0)
        matrix[tokens[:, None], tokens[None, :]] = mean
    return residual * torch.eye(height * width, dtype=torch.float64) + (1 - residual) * matrix


def merging_matrix(weights, image):
    height, width = weights.shape[1:3]
    matrix = torch.zeros(height * width, 4 * height * width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            for tap in range(9):
                y, x = 2 * row + tap // 3 - 1, 2 * column + tap % 3 - 1
                if 0 <= y < 2 * height and 0 <= x < 2 * width:
                    matrix[row * width + column, y * 2 * width + x] += weights[image, row, column, tap].double()
    return matrix


def explicit_rollout(details, image, residual):
    """g^T A'_L ... M_3 ... M_1 ... A'_1 as one product of full matrices."""
    product = None
    for stage in details.stages:
        height, width = stage.tokens.shape[1:3]
        if stage.merge_weights is not None:
            product = merging_matrix(stage.merge_weights, image) @ product
        for attention in stage.attentions:
            matrix = block_matrix(attention, stage, image, height, width, residual)
            product = matrix if product is None else matrix @ product
    return product.mean(0)


def with_identity_attention(details):
    stages = []
    for stage in details.stages:
        attentions = [torch.eye(a.shape[-1]).expand_as(a) for a in stage.attentions]
        stages.append(StageRecord(attentions, stage.window_tokens, stage.tokens, stage.merge_weights))
    return Details(details.logits, details.embedding, stages)


def test_shares_of_each_image_sum_to_one(details):
    share = rollout(details)
    assert share.shape == (2, HEIGHT // 4, WIDTH // 4) and share.dtype == torch.float32
    assert share.min() >= 0
    torch.testing.assert_close(share.sum((1, 2)), torch.ones(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("residual", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("image", [0, 1])
def test_the_walk_equals_the_product_of_full_matrices(details, image, residual):
    expected = explicit_rollout(details, image, residual)
    assert expected.max() / expected.mean() > 1.5  # a flat map would pass whatever the order
    actual = rollout(details, residual)[image].flatten().double()
    torch.testing.assert_close(actual, expected, atol=1e-6, rtol=0)


def test_images_of_a_batch_do_not_mix(model, images, details):
    with torch.no_grad():
        alone = rollout(model.forward_details(images[1:]))
    torch.testing.assert_close(rollout(details)[1:], alone, atol=1e-6, rtol=1e-4)


def test_identity_attention_gives_the_receptive_block_of_merging(details):
    """Three 3x3 stride-2 convolutions see 15x15 stride-4 tokens, from 7 before the block's own corner."""
    stages = with_identity_attention(details).stages
    share = torch.zeros(2, HEIGHT // 32, WIDTH // 32)
    share[:, 1, 1] = 1
    for stage in reversed(stages):
        share = _through_blocks(share, stage, 0.5)
        if stage.merge_weights is not None:
            share = _through_merging(share, stage.merge_weights)
    rows, columns = share[0].nonzero(as_tuple=True)
    assert (rows.min(), rows.max()) == (1, 15) and (columns.min(), columns.max()) == (1, 15)
    assert share[0].count_nonzero() == 15 * 15
    torch.testing.assert_close(share.sum((1, 2)), torch.ones(2), atol=1e-6, rtol=0)


def test_a_residual_of_one_ignores_attention(details):
    torch.testing.assert_close(rollout(details, 1.0), rollout(with_identity_attention(details), 0.5))


def test_recording_does_not_change_the_output(model, images, details):
    with torch.no_grad():
        torch.testing.assert_close(details.logits, model(images), atol=1e-5, rtol=0)


@pytest.mark.parametrize("residual", [-0.1, 1.1])
def test_a_residual_outside_zero_to_one_is_refused(details, residual):
    with pytest.raises(ValueError, match="between 0 and 1"):
        rollout(details, residual)


def test_the_heatmap_has_a_fixed_scale():
    """By hand: 4 tokens at lift 0, 0.5, 1 and 2.5 of an even share of 0.25."""
    share = torch.tensor([[0.0, 0.125], [0.25, 0.625]])
    torch.testing.assert_close(lift(share), torch.tensor([[0.0, 0.5], [1.0, 2.5]]))
    torch.testing.assert_close(heatmap(share), torch.tensor([[0.0, 0.0], [0.5, 1.0]]))
    torch.testing.assert_close(heatmap(torch.full((4, 6), 1 / 24)), torch.full((4, 6), 0.5))


def test_one_pass_gives_logits_features_and_heatmap(model, images, details):
    logits, features, picture = rollout_heatmap(model, images[:1])
    torch.testing.assert_close(logits, details.logits[:1], atol=1e-5, rtol=0)
    assert [f.shape for f in features] == [(1, 8), (1, 16), (1, 16), (1, 32)]
    torch.testing.assert_close(features[2], details.stages[2].tokens[:1].mean((1, 2)), atol=1e-5, rtol=0)
    assert picture.shape == (HEIGHT // 4, WIDTH // 4) and not picture.requires_grad
    assert 0 <= picture.min() and picture.max() <= 1
