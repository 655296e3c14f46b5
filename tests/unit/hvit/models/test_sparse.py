"""Leaving units out: exact where nothing is masked, blind to what is, and cheaper."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import HViT, ModelConfig, create_model
from hvit.models.backbone import Backbone
from hvit.models.layers import Attention
from hvit.models.sparse import SIDES, VisibleUnits

MICRO = ModelConfig((16, 32, 64, 128), (1, 2, 2, 1), head_dim=16, num_classes=0, img_size=96)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    backbone = HViT(MICRO).backbone.eval()
    for name, parameter in backbone.named_parameters():
        if name.endswith("bias"):  # which start at zero, and would hide what a norm makes of zeros
            torch.nn.init.normal_(parameter, std=0.3)
    return backbone


def _visible_indices(count: int, units: int, images: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.stack([torch.randperm(units, generator=generator)[:count] for _ in range(images)])


@pytest.mark.parametrize("sides", [(96, 96), (64, 128)])
@torch.no_grad()
def test_with_all_units_the_stages_are_those_of_the_dense_path(backbone, sides):
    images = torch.randn(2, 3, *sides)
    visible = VisibleUnits.of(_visible_indices(sides[0] * sides[1] // 1024, sides[0] * sides[1] // 1024), *sides)
    sparse = backbone.visible_stages(images, visible.indices)
    for dense, units, side in zip(backbone.stage_tokens(images), sparse, SIDES):
        assert units.shape == (2, visible.total, side * side, dense.shape[-1])
        torch.testing.assert_close(visible.scatter(units.flatten(0, 1), side), dense, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_masked_pixels_change_nothing(backbone):
    images, visible_indices = torch.randn(2, 3, 96, 96), _visible_indices(4, 9)
    shown = VisibleUnits.of(visible_indices, 96, 96).blanked(torch.ones_like(images)).bool()
    others = torch.where(shown, images, torch.full_like(images, float("nan")))
    for ours, theirs in zip(
        backbone.visible_stages(images, visible_indices), backbone.visible_stages(others, visible_indices)
    ):
        assert torch.equal(ours, theirs)
    visible = torch.where(shown, images + 0.1, images)
    assert not torch.equal(
        backbone.visible_stages(visible, visible_indices)[3], backbone.visible_stages(images, visible_indices)[3]
    )


@torch.no_grad()
def test_the_order_of_visible_units_does_not_matter(backbone):
    images, visible_indices = torch.randn(2, 3, 96, 96), _visible_indices(5, 9)
    turned = visible_indices.flip(1)
    for ours, theirs in zip(backbone.visible_stages(images, visible_indices), backbone.visible_stages(images, turned)):
        torch.testing.assert_close(ours, theirs.flip(1), atol=2e-5, rtol=1e-5)


def test_checkpointing_changes_no_gradient(backbone):
    images, visible_indices, gradients = torch.randn(2, 3, 64, 96), _visible_indices(3, 6), []
    for checkpointed in (False, True):
        backbone.train()
        backbone.grad_checkpointing = checkpointed
        backbone.zero_grad()
        sum(stage.square().mean() for stage in backbone.visible_stages(images, visible_indices)).backward()
        gradients.append([parameter.grad.clone() for parameter in backbone.parameters() if parameter.grad is not None])
    backbone.grad_checkpointing = False
    backbone.eval()
    assert len(gradients[0]) == len(gradients[1]) > 0
    assert all(torch.equal(one, other) for one, other in zip(*gradients))


@torch.no_grad()
def test_masking_three_fifths_costs_less_than_half(monkeypatch):
    """Counted, since a clock on a shared machine is not: hvit_small at 224 px, as it is pre-trained."""
    # The counter does not see into the fused kernel of attention.
    monkeypatch.setattr(Attention, "forward", lambda self, tokens: self.forward_with_weights(tokens)[0])
    backbone, images = create_model("hvit_small", num_classes=0).backbone.eval(), torch.zeros(1, 3, 224, 224)
    costs = []
    for run in (
        lambda: backbone.stage_tokens(images),
        lambda: backbone.visible_stages(images, _visible_indices(20, 49, 1)),
    ):
        with FlopCounterMode(display=False) as counter:
            run()
        costs.append(counter.get_total_flops())
    assert costs[0] / costs[1] > 2.0


@pytest.mark.parametrize(
    ("sides", "visible_indices", "expected"),
    [
        ((96, 100), _visible_indices(2, 9), "multiples of 32 px"),
        ((96, 96), torch.zeros(2, 0, dtype=torch.int64), "V from 1 to 9 units"),
        ((96, 96), torch.zeros(2, 10, dtype=torch.int64), "V from 1 to 9 units"),
    ],
)
def test_units_that_do_not_fit_are_refused(backbone, sides, visible_indices, expected):
    with pytest.raises(ValueError, match=expected):
        backbone.visible_stages(torch.zeros(2, 3, *sides), visible_indices)


def test_other_windows_than_units_are_refused():
    config = ModelConfig((16, 32, 64, 128), (1, 1, 1, 1), head_dim=16, window_tokens=(4, 4, 0, 0), num_classes=0)
    with pytest.raises(ValueError, match="windows|window_tokens"):
        Backbone(config).visible_stages(torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, dtype=torch.int64))
