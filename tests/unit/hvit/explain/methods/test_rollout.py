"""Rollout against the explicit matrix product, and the properties that make it a share."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from hvit.explain.methods.rollout import explain, head_rollout, query_rollout, relative_share, rollout, rollout_heatmap
from hvit.models import ModelConfig, create_model
from hvit.models.conv_front import InvertedResidual
from hvit.models.layers import grid_of, windows_of
from tests.support.explained_models import SIZES, attention_matrix, convolution_matrix, drawn_model, window_numbers

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module", params=SIZES)
def model(request):
    return drawn_model(SIZES[request.param])


@pytest.fixture(scope="module")
def plain_details(images):
    with torch.no_grad():
        return drawn_model(SIZES["plain"]).forward_details(images)


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def details(model, images):
    with torch.no_grad():
        return model.forward_details(images)


def weights_of_skip_paths(stage, block, image, residual):
    """The weight of the identity in each row, (N, 1) float64."""
    height, width = stage.tokens.shape[1:3]
    if residual != "norms":
        return torch.full((height * width, 1), residual, dtype=torch.float64)
    windows = window_numbers(stage.window_tokens, height, width)
    weights = torch.zeros(height * width, 1, dtype=torch.float64)
    for number, tokens in enumerate(windows):
        weights[tokens, 0] = 1 - stage.mixing_ratios[block][image * len(windows) + number].double()
    return weights


def block_matrix(stage, block, image, residual):
    matrix = attention_matrix(stage.attentions[block].double().mean(1), stage, image)
    skip = weights_of_skip_paths(stage, block, image, residual)
    return skip * torch.eye(len(matrix), dtype=torch.float64) + (1 - skip) * matrix


def explicit(stages, image, residual):
    """A'_L ... P_4 M_4 ... A'_1 P_1 as one product of full matrices, (tokens of the last of these stages, N_1)."""
    product = None
    for stage in stages:
        matrices = [convolution_matrix(field, image) for field in stage.convolutions]
        matrices += [block_matrix(stage, block, image, residual) for block in range(len(stage.attentions))]
        for matrix in matrices:
            product = matrix if product is None else matrix @ product
    return product


def with_identities(details, positions=True):
    """The record of a model in which no token attends to another, and, if asked for, none feels its neighbors."""
    stages = []
    for stage in details.stages:
        attentions = [torch.eye(a.shape[-1]).expand_as(a) for a in stage.attentions]
        convolutions = [*stage.convolutions[:-1], alone(stage.convolutions[-1])] if positions else stage.convolutions
        stages.append(replace(stage, attentions=attentions, convolutions=convolutions))
    return replace(details, stages=stages)


def alone(field):
    """A 3x3 receptive field in which each position feeds itself only."""
    return replace(field, weights=F.one_hot(torch.tensor(4), 9).float().expand_as(field.weights))


def equal(actual, expected):
    torch.testing.assert_close(actual.flatten().double(), expected.flatten(), atol=1e-6, rtol=0)


def test_shares_of_each_image_sum_to_one(details):
    for share in (rollout(details), rollout(details, "norms"), head_rollout(details, 2, 1, 1)):
        assert share.shape == (2, HEIGHT // 4, WIDTH // 4) and share.dtype == torch.float32
        assert share.min() >= 0
        torch.testing.assert_close(share.sum((1, 2)), torch.ones(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("residual", [0.0, 0.3, 0.5, "norms"])
@pytest.mark.parametrize("image", [0, 1])
def test_the_recursion_equals_the_product_of_full_matrices(details, image, residual):
    expected = explicit(details.stages, image, residual).mean(0)
    assert expected.max() / expected.mean() > 1.5  # a flat map would pass whatever the order
    equal(rollout(details, residual)[image], expected)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_every_token_of_a_stage_can_be_asked_what_it_looks_at(details, stage):
    expected = explicit(details.stages[: stage + 1], 1, 0.5)
    actual = query_rollout(details, stage)[1]
    assert actual.shape == (len(expected), HEIGHT // 4, WIDTH // 4)
    equal(actual, expected)
    equal(query_rollout(details, stage, [3, 0])[1], expected[[3, 0]])
    equal(rollout(details, stage=stage)[1], expected.mean(0))


def test_one_head_is_followed_without_its_skip_path_and_through_all_below(details):
    stages = details.stages[:3]
    below = [*stages[:2], replace(stages[2], attentions=stages[2].attentions[:1])]
    expected = attention_matrix(stages[2].attentions[1][:, 1], stages[2], 0) @ explicit(below, 0, 0.5)
    equal(head_rollout(details, stage=2, block=1, head=1)[0], expected.mean(0))


def test_a_head_of_the_first_stage_reads_what_its_position_convolution_passes(plain_details):
    details, stages = plain_details, plain_details.stages
    positions = convolution_matrix(stages[0].convolutions[0], 0)
    first = attention_matrix(stages[0].attentions[0][:, 0], stages[0], 0) @ positions
    equal(head_rollout(details, stage=0, block=0, head=0)[0], first.mean(0))


def test_images_of_a_batch_do_not_mix(model, images, details):
    with torch.no_grad():
        alone = rollout(model.forward_details(images[1:]))
    torch.testing.assert_close(rollout(details)[1:], alone, atol=1e-6, rtol=1e-4)


def test_windows_may_be_taken_in_any_order(plain_details):
    """In the first stage alone, moving windows about moves their shares about, and changes nothing else."""
    details = plain_details
    stage = replace(details.stages[0], convolutions=with_identities(details).stages[0].convolutions)
    order = torch.tensor([4, 2, 0, 5, 1, 3])  # of the six windows of an image
    moved = replace(
        stage,
        attentions=[a.reshape(2, 6, *a.shape[1:])[:, order].flatten(0, 1) for a in stage.attentions],
        mixing_ratios=[a.reshape(2, 6, -1)[:, order].flatten(0, 1) for a in stage.mixing_ratios],
    )
    shares = [rollout(replace(details, stages=[s]), stage=0) for s in (stage, moved)]
    windows = windows_of(shares[0][..., None], 8).reshape(2, 6, 64, 1)[:, order].flatten(0, 1)
    assert torch.equal(grid_of(windows, 8, (2, HEIGHT // 4, WIDTH // 4, 1))[..., 0], shares[1])
    assert not torch.equal(*shares)


def test_a_token_of_a_window_sees_nothing_outside_it(plain_details):
    details, stages = plain_details, with_identities(plain_details).stages
    only = replace(details, stages=[replace(details.stages[0], convolutions=stages[0].convolutions)])
    share = query_rollout(only, 0, [0])[0, 0]
    assert share[:8, :8].sum() == pytest.approx(1) and share[8:].sum() == 0 and share[:, 8:].sum() == 0


@pytest.mark.parametrize(("positions", "tokens"), [(True, 15), (False, 45)])
def test_identity_attention_gives_the_receptive_block_of_the_convolutions(positions, tokens):
    """Three 3x3 merges of stride 2 see 15 x 15 stride-4 tokens; with a 3x3 convolution in each stage, 45 x 45.

    By hand, from the top: 1 -> 3 -> 7 -> 15; and (1 + 2) -> 7 + 2 -> 19 + 2 -> 43 + 2.
    """
    model = drawn_model(ModelConfig((8, 8, 8, 8), (1, 1, 1, 1), head_dim=8, num_classes=2, img_size=64))
    with torch.no_grad():
        details = model.forward_details(torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    share = query_rollout(with_identities(details, positions), 3, [3 * 8 + 3])[0, 0]
    rows, columns = share.nonzero(as_tuple=True)
    top = 3 * 8 - (tokens - 1) // 2
    assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (top, top + tokens - 1)
    assert share.count_nonzero() == tokens**2 and share.sum() == pytest.approx(1, abs=1e-6)


def test_identity_attention_gives_the_receptive_block_of_inverted_residuals():
    """Of one token at stride 32, by hand from the top, over tokens at stride 4.

    Merging and the position convolution: 1 + 2 = 3, then 2 * 3 + 1 = 7; at stride 16 the position convolution and three
    5x5 and two 3x3 blocks: 7 + 2 + 12 + 4 = 25; a 3x3 of stride 2: 51; at stride 8 a 5x5 block, and a 5x5 of stride 2:
    2 * (51 + 4) + 3 = 113; and a 3x3 block: 115. A 3x3 of stride 2 reads positions 2 i to 2 i + 2, and a 5x5 reads
    2 i - 1 to 2 i + 3: the left end goes from 10 to 10 - 1, 18 - 1, 17 - 9, 16, 16 - 2, 28 - 1, 27 - 1.
    """
    model = drawn_model(replace(SIZES["conv"], embed_dims=(24, 40, 8, 8), depths=(1, 1, 1, 1)))
    with torch.no_grad():
        for block in model.modules():
            if isinstance(block, InvertedResidual):  # all channels pass everywhere, so that no tap is 0
                block.depthwise.weight.fill_(1e-3)
                block.depthwise.bias.fill_(3)
        details = model.forward_details(torch.randn(1, 3, 640, 640, generator=torch.Generator().manual_seed(0)))
    share = query_rollout(with_identities(details, positions=False), 3, [10 * 20 + 10])[0, 0]
    rows, columns = share.nonzero(as_tuple=True)
    assert rows.max() - rows.min() == columns.max() - columns.min() == 114
    assert rows.min() == columns.min() == 26
    assert share.sum() == pytest.approx(1, abs=1e-6)


def test_a_stage_of_convolutions_has_no_heads(images):
    with torch.no_grad():
        details = drawn_model(SIZES["conv"]).forward_details(images)
    with pytest.raises(ValueError, match="stage 1 is convolutional and has no attention heads"):
        head_rollout(details, 1, 0, 0)


def test_a_residual_of_one_ignores_attention(details):
    torch.testing.assert_close(rollout(details, 1.0), rollout(with_identities(details, positions=False), 0.5))


def test_recording_does_not_change_the_output(model, images, details):
    with torch.no_grad():
        torch.testing.assert_close(details.logits, model(images), atol=1e-5, rtol=0)


@pytest.mark.parametrize("residual", [-0.1, 1.1, "norm"])
def test_a_residual_outside_zero_to_one_is_refused(details, residual):
    with pytest.raises(ValueError, match="between 0 and 1"):
        rollout(details, residual)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda details: rollout(details, stage=4), "there are 4"),
        (lambda details: query_rollout(details, 3, [6]), "stage 3 has 6"),
        (lambda details: query_rollout(details, 3, []), "stage 3 has 6"),
        (lambda details: head_rollout(details, 1, 2, 0), "2 blocks of 2 heads"),
        (lambda details: head_rollout(details, 1, 0, 2), "2 blocks of 2 heads"),
    ],
)
def test_what_is_not_in_the_model_is_refused(plain_details, ask, expected):
    with pytest.raises(ValueError, match=expected):
        ask(plain_details)


def test_lift_is_against_an_even_share():
    share = torch.tensor([[0.0, 0.125], [0.25, 0.625]])
    torch.testing.assert_close(relative_share(share), torch.tensor([[0.0, 0.5], [1.0, 2.5]]))


def test_one_pass_gives_logits_features_and_heatmap(model, images, details):
    logits, features, picture = rollout_heatmap(model, images[:1])
    torch.testing.assert_close(logits, details.logits[:1], atol=1e-5, rtol=0)
    assert [f.shape for f in features] == [(1, dim) for dim in model.config.embed_dims]
    torch.testing.assert_close(features[2], details.stages[2].tokens[:1].mean((1, 2)), atol=1e-5, rtol=0)
    assert picture.shape == (HEIGHT // 4, WIDTH // 4) and picture.dtype == np.float32
    assert 0 <= picture.min() and picture.max() <= 1
    assert np.array_equal(picture, explain(model, images[:1]).heatmap)


@pytest.mark.parametrize("name", ["hvit_tiny", "hvit_tiny_conv"])
def test_a_map_is_cheap(name):
    """In multiply-accumulates for a photo of 224 px, against 1.5 and 3 times the time on the clock, which is measured
    by hand: a clock would fail on a busy machine."""
    model = create_model(name).eval()
    images = torch.zeros(1, 3, 224, 224)
    counts = []
    for compute in (
        model,
        lambda x: rollout(model.forward_details(x)),
        lambda x: query_rollout(model.forward_details(x)),
    ):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            compute(images)
        counts.append(counter.get_total_flops())
    plain, one, all_queries = counts
    assert one < 1.3 * plain and all_queries < 1.8 * plain
