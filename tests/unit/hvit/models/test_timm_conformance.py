"""What timm's tests/test_models.py asks of every model, asked of every size of the family.

Large sizes are built without memory (`meta`), where shapes and gradients exist and numbers do not; numbers are looked
at in the tiny and small ones. Of timm's tests these do not apply:

- load_pretrained, features_pretrained: timm knows no weights of the family.
- forward_torchscript, forward_fx, backward_fx: optional inputs and any sides are handled by Python control flow, which
  neither TorchScript nor symbolic tracing follows. `hvit export` writes ONNX through torch.export.

`features_only` uses timm's getter, so that its test of features by intermediates is `test_features_only`.
"""

import math

import pytest
import torch

from hvit.models import SIZES

pytest.importorskip("hvit.timm_models")
timm = pytest.importorskip("timm")
from timm.layers.format import get_channel_dim, get_spatial_dim  # noqa: E402

SIDE_PX = 96
REAL = [name for name in SIZES if name.startswith(("hvit_tiny", "hvit_small"))]  # small enough to compute
EVERY = pytest.mark.parametrize("name", list(SIZES))


def build(name: str, device: str = "meta", **arguments) -> torch.nn.Module:
    with torch.device(device):
        torch.manual_seed(0)
        return timm.create_model(name, pretrained=False, **arguments)


def device_of(name: str) -> str:
    return "cpu" if name in REAL else "meta"


def images_of(model: torch.nn.Module, count: int = 1, side_px: int = SIDE_PX) -> torch.Tensor:
    device = next(model.parameters()).device
    return torch.randn(count, 3, side_px, side_px, device=device)


def check_finite(*outputs: torch.Tensor) -> None:
    assert all(output.isfinite().all() for output in outputs if not output.is_meta)


@EVERY
def test_forward(name):
    model = build(name, device_of(name)).eval()
    with torch.no_grad():
        logits = model(images_of(model))
    assert logits.shape == (1, 1000)
    check_finite(logits)


@EVERY
def test_backward_reaches_every_parameter(name):
    model = build(name, device_of(name), num_classes=42).train()
    images = images_of(model, count=2, side_px=64)
    # The spectral stream of a _dfca size has no gradient in a step without any spectral picture.
    bands = SIZES[name].spectral_chans
    beside = [torch.randn(2, bands, 64, 64, device=images.device)] if bands else []
    logits = model(images, *beside)
    logits.mean().backward()
    assert [key for key, p in model.named_parameters() if p.grad is None] == []
    assert logits.shape == (2, 42)
    check_finite(logits)


@EVERY
def test_default_cfgs(name):
    """As timm's test_model_default_cfgs: features, then without classifier, then without pooling, then both at once."""
    model = build(name).eval()
    cfg, names, (rows, columns) = model.default_cfg, model.state_dict().keys(), get_spatial_dim(model.output_fmt)
    images = torch.empty(1, *cfg["input_size"], device="meta")

    def check_unpooled(outputs):
        assert outputs.ndim == 4
        assert (outputs.shape[rows], outputs.shape[columns]) == cfg["pool_size"]
        assert outputs.shape[get_channel_dim(model.output_fmt)] == model.num_features

    check_unpooled(model.forward_features(images))
    model.reset_classifier(0)
    assert model(images).shape == (1, model.num_features)
    assert model.forward_head(model.forward_features(images), pre_logits=True).shape == (1, model.head_hidden_size)
    model.reset_classifier(0, "")
    check_unpooled(model(images))
    check_unpooled(build(name, num_classes=0, global_pool="").eval()(images))
    assert {f"{cfg['classifier']}.weight", f"{cfg['first_conv']}.weight"} <= names


@EVERY
def test_features_only(name):
    model = build(name, device_of(name), features_only=True).eval()
    with torch.no_grad():
        maps = model(images_of(model))
    assert model.feature_info.channels() == list(SIZES[name].embed_dims)
    assert [m.shape[1] for m in maps] == model.feature_info.channels()
    assert [SIDE_PX // m.shape[-1] for m in maps] == model.feature_info.reduction() == [4, 8, 16, 32]
    check_finite(*maps)


@EVERY
@pytest.mark.parametrize("output_fmt", ["NCHW", "NHWC"])
def test_forward_intermediates(name, output_fmt):
    model = build(name, device_of(name)).eval()
    images, (rows, columns) = images_of(model), get_spatial_dim(output_fmt)
    with torch.no_grad():
        final, maps = model.forward_intermediates(images, output_fmt=output_fmt)
        features = model.forward_features(images)
    assert len(maps) == len(model.feature_info) == 4
    for feature_map, info in zip(maps, model.feature_info):
        assert feature_map.shape[get_channel_dim(output_fmt)] == info["num_chs"]
        assert feature_map.shape[rows] == feature_map.shape[columns] == math.ceil(SIDE_PX / info["reduction"])
    assert final.shape == features.shape and (final.is_meta or torch.equal(final, features))
    check_finite(final, *maps)


@EVERY
def test_modules_of_feature_info_exist(name):
    modules = dict((model := build(name)).named_modules())
    assert all(info["module"] in modules for info in model.feature_info)


@pytest.mark.parametrize("name", REAL)
def test_checkpointed_gradients_are_those_of_one_pass(name):
    model = build(name, "cpu", num_classes=3).train()
    images, gradients = images_of(model, count=2, side_px=64), []
    for enable in (False, True):
        model.set_grad_checkpointing(enable)
        model.zero_grad()
        torch.manual_seed(0)
        model(images).square().mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
