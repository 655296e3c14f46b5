"""A timm encoder that learns with the segmentation head."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hvit.data.preprocess import Preprocessing
from hvit.models.baselines import Baseline
from training.config import ConfigError
from training.config.model import EncoderSection, SegmentationHeadConfig
from training.segmentation.encoder import TimmEncoder, build_encoder_decoder

NAME = "mobilenetv3_small_050"
HEAD = SegmentationHeadConfig(dim=16, detail_dim=16)


def test_feature_maps_are_those_of_timm():
    baseline = Baseline(NAME, img_size=64).eval()
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = baseline.net.forward_intermediates(images, intermediates_only=True)[-4:]
        maps = TimmEncoder(baseline).feature_maps(images)
    assert [m.shape[-2:] for m in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    for one, other in zip(maps, expected):
        torch.testing.assert_close(one, other)


def test_batch_norm_is_frozen_and_all_else_learns():
    net, _ = build_encoder_decoder(EncoderSection(name=f"timm:{NAME}"), HEAD, Preprocessing(64))
    net.train()
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    logits = net(torch.randn(2, 3, 128, 128))
    assert logits.shape == (2, 3, 64, 64)
    logits.square().mean().backward()
    used = [name for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert {name.partition(".")[0] for name in used} == {"encoder", "head"}


def test_pretrained_weights_bring_their_normalization(tmp_path):
    timm_net = Baseline(NAME).net
    save_file({k: v.contiguous() for k, v in timm_net.state_dict().items()}, tmp_path / "w.safetensors")
    section = EncoderSection(name=f"timm:{NAME}", weights=tmp_path / "w.safetensors")
    net, preprocessing = build_encoder_decoder(section, HEAD, Preprocessing(64, mean=(0.1, 0.2, 0.3)))
    assert preprocessing.mean == timm_net.pretrained_cfg["mean"]
    torch.testing.assert_close(net.encoder.net.conv_stem.weight, timm_net.conv_stem.weight)


def test_a_model_without_such_maps_is_an_error():
    with pytest.raises(ConfigError, match="strides .* expected"):
        build_encoder_decoder(EncoderSection(name="timm:vit_tiny_patch16_224"), HEAD, Preprocessing(224))


def test_weights_of_another_model_are_an_error(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    section = EncoderSection(name=f"timm:{NAME}", weights=tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match="encoder: .*has no tensor"):
        build_encoder_decoder(section, HEAD, Preprocessing(64))


def test_the_name_must_be_of_timm():
    with pytest.raises(ValueError, match="expected a model of timm"):
        EncoderSection(name="hvit_tiny")
