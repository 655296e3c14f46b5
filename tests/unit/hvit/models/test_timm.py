"""timm's view of the family: registration, features and the methods timm calls."""

import subprocess
import sys

import pytest
import torch

from hvit.models import SIZES, create_model
from hvit.models.torchvision_ops import declare_missing_torchvision_ops

pytest.importorskip("hvit.timm_models")
timm = pytest.importorskip("timm")
from timm.models import group_parameters  # noqa: E402
from timm.models._features import feature_take_indices  # noqa: E402  the oracle for stage indices


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return create_model("hvit_tiny", num_classes=6).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_every_size_is_registered():
    assert set(timm.list_models("hvit_*")) == set(SIZES)
    assert timm.list_models("hvit_*", pretrained=True) == []


def test_timm_builds_what_create_model_builds():
    built = timm.create_model("hvit_tiny", num_classes=9, img_size=128, in_chans=4, drop_path_rate=0.1)
    assert built.config == create_model("hvit_tiny", num_classes=9, img_size=128, in_chans=4, drop_path_rate=0.1).config


def test_features_only_gives_the_four_strides(images):
    extractor = timm.create_model("hvit_tiny", features_only=True).eval()
    assert extractor.feature_info.reduction() == [4, 8, 16, 32]
    assert extractor.feature_info.channels() == [32, 64, 128, 256]
    with torch.no_grad():
        maps = extractor(images)
    assert [tuple(m.shape) for m in maps] == [(1, 32, 16, 24), (1, 64, 8, 12), (1, 128, 4, 6), (1, 256, 2, 3)]


def test_features_of_early_stages_hold_no_later_stage(images):
    extractor = timm.create_model("hvit_tiny", features_only=True, out_indices=(0, 1)).eval()
    assert len(extractor.model.backbone.stages) == 2
    assert [m.shape[1] for m in extractor(images)] == [32, 64]


@pytest.mark.parametrize("indices", [None, 1, 3, [0, 2], [-1], [1, -1]])
def test_stage_indices_mean_what_they_mean_in_timm(model, images, indices):
    expected, _ = feature_take_indices(4, indices)
    with torch.no_grad():
        every = model.forward_intermediates(images, intermediates_only=True)
        chosen = model.forward_intermediates(images, indices=indices, intermediates_only=True, stop_early=True)
    assert len(chosen) == len(expected)
    for feature_map, stage in zip(chosen, expected):
        assert torch.equal(feature_map, every[stage])


def test_forward_intermediates_returns_the_final_features_first(model, images):
    with torch.no_grad():
        final, maps = model.forward_intermediates(images, norm=True, output_fmt="NHWC")
        assert torch.equal(final, model.forward_features(images))
        assert torch.equal(maps[-1], final)
        assert torch.equal(model.forward_head(final), model(images))
        assert torch.equal(model.forward_head(final, pre_logits=True), final.mean((1, 2)))


@pytest.mark.parametrize("arguments", [{"indices": [4]}, {"indices": [-5]}, {"indices": 5}, {"output_fmt": "NLC"}])
def test_stages_and_formats_that_do_not_exist_are_refused(model, images, arguments):
    with pytest.raises(ValueError):
        model.forward_intermediates(images, **arguments)


def test_a_new_classifier_has_the_classes_asked_for(images):
    model = create_model("hvit_tiny").eval()
    assert model.get_classifier().out_features == 1000
    model.reset_classifier(12)
    assert model(images).shape == (1, 12) and model.num_classes == 12
    model.reset_classifier(0)
    assert model(images).shape == (1, model.num_features)
    with pytest.raises(ValueError, match="pools by 'avg', or not at all"):
        model.reset_classifier(3, global_pool="max")
    assert model.num_classes == 0 and model.global_pool == "avg"


def test_without_pooling_the_head_answers_for_each_position(model, images):
    unpooled = create_model("hvit_tiny", num_classes=6).eval()
    unpooled.load_state_dict(model.state_dict())
    unpooled.set_global_pool("")
    with torch.no_grad():
        features, logits = model.forward_features(images), unpooled(images)
        assert torch.equal(logits, model.head(features)) and logits.shape == (1, 2, 3, 6)
        assert torch.equal(unpooled.forward_head(features, pre_logits=True), features)
        unpooled.reset_classifier(0)
        assert torch.equal(unpooled(images), features)
        unpooled.reset_classifier(0, "avg")
        assert torch.equal(unpooled(images), model.forward_head(features, pre_logits=True))


@pytest.mark.parametrize("name", ["hvit_tiny", "hvit_tiny_dfca", "hvit_tiny_conv"])
def test_timm_numbers_layers_as_training_does(name):
    with torch.device("meta"):
        model = create_model(name)
    assert group_parameters(model, model.group_matcher(), reverse=True) == model.layer_groups()


def test_timm_numbers_stages_where_layers_are_coarse():
    with torch.device("meta"):
        model = create_model("hvit_tiny_dfca")
    numbers = group_parameters(model, model.group_matcher(coarse=True), reverse=True)
    assert numbers["backbone.patch_embed.conv1.weight"] == numbers["backbone.unit_embedding"] == 0
    assert {numbers[name] for name in numbers if name.startswith("backbone.stages.2.")} == {3}
    assert {numbers[name] for name in numbers if name.startswith("backbone.fusion.")} == {3}
    assert numbers["backbone.norm.weight"] == numbers["head.weight"] == 5


def test_what_is_left_of_a_pruned_model_still_answers(model, images):
    pruned = create_model("hvit_tiny", num_classes=6).eval()
    pruned.load_state_dict(model.state_dict())
    assert pruned.prune_intermediate_layers([-3]) == [1]
    with torch.no_grad():
        final, maps = pruned.forward_intermediates(images, output_fmt="NHWC")
        every = model.forward_intermediates(images, output_fmt="NHWC", intermediates_only=True)
        assert torch.equal(maps[1], every[1]) and torch.equal(final, every[1]) and len(maps) == 2
        assert torch.equal(pruned(images), every[1])
    assert pruned.num_features == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pretrained": True}, "no pretrained weights"),
        ({"drop_rate": 0.1}, "no dropout"),
        ({"global_pool": "max"}, "pools by 'avg', or not at all"),
        ({"window_size": 7}, "no argument window_size"),
    ],
)
def test_what_timm_asks_and_the_family_does_not_have_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        timm.create_model("hvit_tiny", **arguments)


def test_the_library_alone_imports_neither_timm_nor_torchvision():
    code = "import sys, hvit, hvit.models; assert not {'timm', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_declared_twice():
    assert declare_missing_torchvision_ops() == []
    assert all(hasattr(torch.ops.torchvision, name) for name in ("nms", "qnms"))
