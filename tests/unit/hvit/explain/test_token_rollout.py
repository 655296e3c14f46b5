"""Rollout of chosen tokens and of single heads, on a tiny model."""

import pytest
import torch

from hvit.explain.methods.rollout import head_rollout, query_rollout
from hvit.explain.token_rollout import head_rollouts, square_rollout
from hvit.models import create_model

COLUMNS = 3  # of the last stage's grid, of a photo of 64 x 96 px


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return create_model("hvit_tiny", num_classes=3, depths=(1, 1, 2, 2), img_size=64).eval()


@pytest.fixture(scope="module")
def inputs():
    return (torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)),)


def test_a_square_of_the_last_stage_is_one_token(model, inputs):
    found = square_rollout(model, inputs, stage=3, square=(1, 2), columns=COLUMNS)
    with torch.inference_mode():
        expected = query_rollout(model.forward_details(*inputs), 3, [5])[0, 0]
    assert torch.equal(torch.from_numpy(found.attribution), expected) and found.attribution.sum() == pytest.approx(
        1, abs=1e-5
    )
    assert found.arguments["square"] == [1, 2] and found.is_additive and found.class_index is None


def test_a_square_of_an_earlier_stage_is_the_mean_of_the_tokens_within_it(model, inputs):
    found = square_rollout(model, inputs, stage=2, square=(0, 1), columns=COLUMNS)
    with torch.inference_mode():
        each = query_rollout(model.forward_details(*inputs), 2, [2, 3, 8, 9])[0]  # six tokens a row
    assert torch.allclose(torch.from_numpy(found.attribution), each.mean(0))


def test_every_head_of_a_block_has_its_map(model, inputs):
    maps = head_rollouts(model, inputs, stage=3, block=1)
    with torch.inference_mode():
        details = model.forward_details(*inputs)
        expected = head_rollout(details, 3, 1, 2)[0]
    assert len(maps) == details.stages[3].attentions[1].shape[1] > 2
    assert [each.arguments["head"] for each in maps] == list(range(len(maps)))
    assert torch.equal(torch.from_numpy(maps[2].attribution), expected)
    assert all(each.attribution.sum() == pytest.approx(1, abs=1e-5) for each in maps)
