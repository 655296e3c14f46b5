"""The neck, by hand and beside the model it is for."""

import pytest
import torch

from hvit.models import create_model
from hvit.models.pyramid import PyramidNeck


def test_coarser_maps_are_added_from_the_top_down():
    """By hand: lateral weights 1, 10, 100 on maps of ones; smoothing passes the center through."""
    neck = PyramidNeck((1, 1, 1), out_dim=1)
    with torch.no_grad():
        for conv, weight in zip(neck.lateral, (1.0, 10.0, 100.0)):
            conv.weight.fill_(weight)
        for conv in neck.smooth:
            conv.weight.zero_()
            conv.weight[0, 0, 1, 1] = 1
        maps = neck([torch.ones(1, 1, 8, 12), torch.ones(1, 1, 4, 6), torch.ones(1, 1, 2, 3)])
    assert [tuple(m.shape[-2:]) for m in maps] == [(8, 12), (4, 6), (2, 3)]
    for feature_map, expected in zip(maps, (111, 110, 100)):
        assert torch.equal(feature_map, torch.full_like(feature_map, expected))


def test_the_neck_takes_the_maps_of_a_model_and_no_batch_norm_is_in_it():
    model = create_model("hvit_tiny", num_classes=0)
    neck = PyramidNeck(model.config.embed_dims, out_dim=48)
    maps = neck(model.feature_maps(torch.randn(1, 3, 64, 96)))
    assert [tuple(m.shape) for m in maps] == [(1, 48, 16, 24), (1, 48, 8, 12), (1, 48, 4, 6), (1, 48, 2, 3)]
    assert not [m for m in neck.modules() if "Norm" in type(m).__name__]
    sum(m.square().sum() for m in maps).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in neck.parameters())


def test_a_wrong_number_of_maps_is_refused():
    with pytest.raises(ValueError, match="1 feature maps given, expected 2"):
        PyramidNeck((8, 16))([torch.ones(1, 8, 4, 4)])
