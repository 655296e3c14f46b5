"""HViT and the timm baselines fulfil one interface."""

import pytest
import torch

from hvit.models import Classifier, create_model, has_attention

SMALL = {"hvit_tiny": {"depths": (1, 1, 1, 1)}, "hvit_tiny_conv": {}, "timm:test_resnet": {}, "timm:test_vit": {}}


@pytest.fixture(params=SMALL)
def model(request):
    torch.manual_seed(0)
    return create_model(request.param, num_classes=5, img_size=64, **SMALL[request.param]).eval().requires_grad_(False)


def test_every_member_of_the_interface_is_there(model):
    members = [name for name in vars(Classifier) if not name.startswith("_")] + list(Classifier.__annotations__)
    assert [name for name in members if not hasattr(model, name)] == []


def test_stage_dims_are_the_lengths_of_the_features(model):
    logits, features = model.forward_stages(torch.zeros(2, 3, 64, 64))
    assert [tuple(feature.shape) for feature in features] == [(2, dim) for dim in model.stage_dims()]
    assert torch.equal(logits, model(torch.zeros(2, 3, 64, 64)))


def test_a_model_without_a_spectral_stream_takes_no_spectral_image(model):
    images, spectral = torch.zeros(1, 3, 64, 64), torch.zeros(1, 5, 64, 64)
    assert model.spectral_chans == 0
    for forward in (model, model.forward_stages, model.forward_embedding):
        with pytest.raises(ValueError, match="only the _dfca sizes"):
            forward(images, spectral)


def test_a_reinitialized_model_has_the_same_tensors_with_other_values(model):
    other = model.reinitialized()
    own, new = model.state_dict(), other.state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in new.items()}
    assert any(not torch.equal(own[name], new[name]) for name in own)


def test_load_backbone_copies_all_but_the_head(model):
    other = model.reinitialized()
    other.load_backbone(model)
    head = {id(parameter) for parameter in other.get_classifier().parameters()}
    own = model.state_dict()
    for name, parameter in other.named_parameters():
        if id(parameter) not in head:
            assert torch.equal(parameter, own[name]), name
    assert not torch.equal(other.get_classifier().weight, model.get_classifier().weight)


def test_only_an_hvit_exposes_attention():
    assert has_attention(create_model("hvit_tiny_conv")) and create_model("hvit_tiny_conv").attention_stages == (2, 3)
    assert not has_attention(create_model("timm:test_vit"))


def test_images_below_64_px_are_refused_by_an_hvit():
    create_model("hvit_tiny").check_image_sizes([(64, 64), (96, 1024)])
    with pytest.raises(ValueError, match="at least 64 px"):
        create_model("hvit_tiny").check_image_sizes([(64, 32)])
