"""The modules around a backbone that learn without labels."""

import pytest
import torch

from hvit.models import HViT, ModelConfig
from hvit.models.pretraining import (
    Contrastive,
    JointModel,
    MaskedAutoencoder,
    MaskedDecoder,
    grid_positions,
    num_visible,
    reconstruction_loss,
    unit_pixels,
)

MICRO = ModelConfig((16, 32, 64, 128), (1, 1, 1, 1), head_dim=16, num_classes=3, img_size=96)


class _Paints(torch.nn.Module):
    """In the place of a decoder: paints what it is told."""

    def __init__(self, painted: torch.Tensor):
        super().__init__()
        self.painted = painted

    def forward(self, stages, visible_indices, grid):
        return self.painted


def test_units_are_cut_row_by_row_and_channels_stay_together():
    images = torch.arange(2 * 64 * 96).reshape(1, 2, 64, 96)
    units = unit_pixels(images)
    assert units.shape == (1, 6, 2 * 32 * 32)
    assert torch.equal(units[0, 4].reshape(2, 32, 32), images[0, :, 32:64, 32:64])


def test_normalised_units_have_mean_0_and_variance_1_and_plain_ones_become_0():
    images = torch.rand(1, 3, 64, 64) * 7 + 3
    images[0, :, :32, :32] = 5.0
    units = unit_pixels(images, normalize=True)
    assert units[0, 0].abs().max() == 0
    torch.testing.assert_close(units[0, 1:].mean(-1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(units[0, 1:].var(-1, correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_the_loss_counts_masked_units_alone():
    """By hand: errors of 1, 2, 3 and 4 at each pixel of four units, of which the second and third are visible."""
    backbone, images = HViT(MICRO).backbone, torch.rand(1, 3, 64, 64)
    target = unit_pixels(images, normalize=True)
    painted = _Paints(target + torch.tensor([1.0, 2.0, 3.0, 4.0])[None, :, None])
    loss = reconstruction_loss(backbone, painted, images, torch.tensor([[1, 2]]))
    assert loss.item() == pytest.approx((1**2 + 4**2) / 2, rel=1e-4)


def test_predicting_the_mean_of_each_unit_has_loss_1():
    backbone, images = HViT(MICRO).backbone, torch.rand(2, 3, 64, 64)
    loss = reconstruction_loss(backbone, _Paints(torch.zeros(2, 4, 3072)), images, torch.tensor([[0], [3]]))
    assert loss.item() == pytest.approx(1.0, rel=1e-3)


def test_the_decoder_gets_positions_and_reconstructs_all_units():
    torch.manual_seed(0)
    decoder = MaskedDecoder(MICRO.embed_dims, dim=64, depth=1).eval()
    visible_indices = torch.tensor([[0, 2, 3]])
    stages = [torch.randn(1, 3, side * side, C) for side, C in zip((8, 4, 2, 1), MICRO.embed_dims)]
    painted = decoder(stages, visible_indices, (2, 3))
    assert painted.shape == (1, 6, 3 * 32 * 32)
    swapped = decoder([tokens[:, [1, 0, 2]] for tokens in stages], visible_indices[:, [1, 0, 2]], (2, 3))
    torch.testing.assert_close(swapped, painted)  # the order they come in is nothing
    elsewhere = decoder(stages, torch.tensor([[0, 2, 5]]), (2, 3))
    assert (elsewhere - painted).abs().max() > 1e-3  # the place is


def test_every_stage_gets_a_gradient_from_the_reconstruction():
    torch.manual_seed(0)
    autoencoder = MaskedAutoencoder(HViT(MICRO).backbone, MaskedDecoder(MICRO.embed_dims, 64, 1))
    autoencoder(torch.rand(2, 3, 96, 96), torch.tensor([[0, 4], [7, 1]])).backward()
    assert all(parameter.grad is not None for parameter in autoencoder.parameters())


def test_projections_have_length_1():
    projections = Contrastive(HViT(MICRO).backbone, 32, 16)(torch.rand(5, 3, 64, 64))
    assert projections.shape == (5, 16) and projections.dtype == torch.float32
    torch.testing.assert_close(projections.norm(dim=1), torch.ones(5))


def test_a_joint_model_gives_the_logits_of_its_classifier_and_layers_for_all_it_holds():
    torch.manual_seed(0)
    model = HViT(MICRO).eval()
    joint = JointModel(model, MaskedDecoder(MICRO.embed_dims, 64, 1)).eval()
    images, visible_indices = torch.rand(2, 3, 64, 64), torch.tensor([[0], [3]])
    logits, reconstruction = joint(images, visible_indices)
    assert torch.equal(logits, model(images))
    assert torch.equal(reconstruction, reconstruction_loss(model.backbone, joint.decoder, images, visible_indices))
    names = {name for name, _ in joint.named_parameters()}
    layers = joint.layer_groups()
    assert set(layers) == names and joint.no_weight_decay() <= names
    assert layers["decoder.paint.weight"] == layers["model.head.weight"] == max(layers.values())
    assert layers["model.backbone.patch_embed.conv1.weight"] == 0


def test_positions_of_a_grid_differ_and_do_not_depend_on_its_size():
    small, large = grid_positions(2, 3, 16), grid_positions(4, 5, 16)
    assert small.shape == (6, 16) and torch.equal(small[4], large[6])  # row 1, column 1 of both
    distances = torch.cdist(large, large) + torch.eye(20) * 9
    assert distances.min() > 0.1


@pytest.mark.parametrize(("units", "ratio", "expected"), [(49, 0.6, 20), (4, 0.6, 2), (4, 0.99, 1), (4, 0.01, 3)])
def test_at_least_one_unit_is_visible_and_one_hidden(units, ratio, expected):
    assert num_visible(units, ratio) == expected


def test_all_units_visible_leave_nothing_to_paint():
    with pytest.raises(ValueError, match="at least one masked unit"):
        reconstruction_loss(HViT(MICRO).backbone, _Paints(None), torch.zeros(1, 3, 64, 64), torch.arange(4)[None])
