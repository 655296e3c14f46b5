"""The segmentation head: shapes, size, and one forward pass for classification and segmentation."""

import pytest
import torch

from hvit.models import create_model
from hvit.models.segmentation import SegmentationHead

SHAPE = {"embed_dims": (16, 32, 64, 128), "depths": (1, 1, 1, 1), "head_dim": 16}


@pytest.fixture(scope="module", params=["hvit_tiny", "hvit_tiny_conv"])
def model(request):
    torch.manual_seed(0)
    shape = SHAPE if request.param == "hvit_tiny" else {}
    return create_model(request.param, num_classes=3, img_size=64, **shape).eval()


@pytest.mark.parametrize("sides", [(64, 64), (96, 64)])
def test_logits_have_the_resolution_of_the_input(model, sides):
    head = SegmentationHead(model.stage_dims(), 16, 8)
    height, width = sides
    maps = model.feature_maps(torch.randn(2, 3, height, width))
    assert head(maps, torch.randn(2, 3, 2 * height, 2 * width)).shape == (2, 3, height, width)


def test_one_pass_gives_what_separate_passes_give(model):
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        logits, features, maps = model.forward_pyramid(images)
        expected_logits, expected_features = model.forward_stages(images)
        expected_maps = model.feature_maps(images)
        details = model.forward_details(images)
    torch.testing.assert_close(logits, expected_logits)
    for found, expected in zip(features + maps, expected_features + expected_maps, strict=True):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(details.feature_maps, expected_maps, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_default_head_is_small():
    head = SegmentationHead((24, 40, 192, 320))
    assert sum(p.numel() for p in head.parameters()) < 200_000


def test_a_detail_image_of_another_size_is_refused():
    head = SegmentationHead((8, 8, 8, 8), 8, 8)
    maps = [torch.zeros(1, 8, 64 // s, 64 // s) for s in (4, 8, 16, 32)]
    with pytest.raises(ValueError, match="twice the input"):
        head(maps, torch.zeros(1, 3, 64, 64))


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="the last even"):
        SegmentationHead((8, 8, 8, 8), 8, 9)
