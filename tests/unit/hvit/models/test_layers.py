"""Windows, dropped paths and norms of the parts."""

import pytest
import torch

from hvit.models import ModelConfig, create_model
from hvit.models.layers import DropPath, LayerNorm2d, grid_of, windows_of


def test_windows_run_row_by_row_within_an_image():
    tokens = torch.arange(16.0).reshape(1, 4, 4, 1)
    windows = windows_of(tokens, 2)[..., 0].tolist()
    assert windows == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@pytest.mark.parametrize("side", [0, 2, 4])
def test_putting_windows_back_undoes_cutting(side):
    tokens = torch.arange(2 * 4 * 8 * 3.0).reshape(2, 4, 8, 3)
    assert torch.equal(grid_of(windows_of(tokens, side), side, tokens.shape), tokens)


def test_layer_norm_2d_normalises_each_position_alone():
    feature_map = torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1).repeat(1, 1, 1, 2)
    feature_map[..., 1] = 100.0
    expected = torch.tensor([[-1.0, 0.0], [1.0, 0.0]]).reshape(1, 2, 1, 2)
    torch.testing.assert_close(LayerNorm2d(2)(feature_map), expected, atol=1e-4, rtol=0)


def test_draws_decide_which_samples_a_path_is_dropped_for():
    """By hand: rate 0.25 drops draws below it and scales the rest by 4/3; both windows of an image go together."""
    path = DropPath(0.25).train()
    path.uniform = torch.tensor([0.1, 0.25, 0.9])
    branch = torch.ones(6, 2, 1)
    assert torch.allclose(path(branch, 3)[:, 0, 0], torch.tensor([0, 0, 4 / 3, 4 / 3, 4 / 3, 4 / 3]))


def test_no_path_is_dropped_in_evaluation():
    path = DropPath(0.9).eval()
    path.uniform = torch.zeros(2)
    branch = torch.ones(2, 3, 4)
    assert torch.equal(path(branch, 2), branch)


def test_dropping_is_a_function_of_the_sample_and_not_of_its_place():
    torch.manual_seed(0)
    model = create_model("hvit_tiny", num_classes=5, drop_path_rate=0.5).train()
    images, draws = torch.randn(4, 3, 64, 64), torch.rand(len(model.drop_paths()), 4)

    def logits(order):
        for path, row in zip(model.drop_paths(), draws):
            path.uniform = row[order]
        return model(images[order])

    with torch.no_grad():
        first = logits([0, 1, 2, 3])
        torch.testing.assert_close(logits([3, 1]), first[[3, 1]], atol=1e-5, rtol=1e-4)
        draws = 1 - draws
        assert (logits([0, 1, 2, 3]) - first).abs().max() > 1e-3  # other draws do drop other paths


def test_drop_path_rates_grow_from_none_to_the_rate_of_the_model():
    model = create_model("hvit_tiny", drop_path_rate=0.24)
    rates = [block.drop_path1.rate for stage in model.backbone.stages for block in stage.blocks]
    assert rates == pytest.approx([0.02 * i for i in range(13)])
    assert len(model.drop_paths()) == 24  # two a block, none in the first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embed_dims": (30, 64, 128, 256)}, "multiples of head_dim"),
        ({"depths": (1, 2, 3)}, "3 entries, expected 4"),
        ({"window_tokens": (7, 4, 0, 0)}, "does not tile 32 px"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**({"embed_dims": (32, 64, 128, 256), "depths": (1, 2, 6, 4), "head_dim": 32} | arguments))
