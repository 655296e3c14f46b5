"""Registers the family with timm: `timm.create_model("hvit_small")`.

Importing this module does it. It imports timm, which takes seconds: nothing the dashboard needs at start imports it.
"""

from typing import Any, cast

import torch

from hvit.models import SIZES, HViT, create_model
from hvit.models.torchvision_ops import declare_missing_torchvision_ops

declare_missing_torchvision_ops()

from timm.models import build_model_with_cfg, register_model  # noqa: E402  needs the ops declared


def _cfg() -> dict[str, Any]:
    return {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, 224, 224),
        "min_input_size": (3, 64, 64),
        "pool_size": (7, 7),
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "fixed_input_size": False,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "classifier": "head",
    }


def _first_conv(name: str) -> str:
    return "backbone.patch_embed.conv1" if SIZES[name].front is None else "backbone.patch_embed.stem"


default_cfgs = {name: _cfg() | {"first_conv": _first_conv(name)} for name in SIZES}


def _build(name: str, pretrained: bool, **arguments: Any) -> torch.nn.Module:
    if pretrained:
        raise ValueError(
            f"{name} has no pretrained weights in timm; load a run: hvit.runs.checkpoint.load_checkpoint(path)"
        )

    def model(drop_rate: float = 0.0, global_pool: str = "avg", **fields: Any) -> HViT:
        if drop_rate:
            raise ValueError(f"{name} has no dropout before its head; leave drop_rate at 0")
        net = cast(HViT, create_model(name, **fields))
        net.set_global_pool(global_pool)
        return net

    features = {"out_indices": (0, 1, 2, 3), "feature_cls": "getter"}
    return build_model_with_cfg(model, name, pretrained=False, feature_cfg=features, **arguments)


@register_model
def hvit_tiny(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-T, 5.1 M parameters.

    Args:
        arguments: fields of `ModelConfig`, `global_pool` ("avg" or ""), or timm's `features_only` and `out_indices`.
    """
    return _build("hvit_tiny", pretrained, **arguments)


@register_model
def hvit_small(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-S, 22 M parameters."""
    return _build("hvit_small", pretrained, **arguments)


@register_model
def hvit_base(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-B, 88 M parameters."""
    return _build("hvit_base", pretrained, **arguments)


@register_model
def hvit_large(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-L, 303 M parameters."""
    return _build("hvit_large", pretrained, **arguments)


@register_model
def hvit_tiny_dfca(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-T with a spectral stream of `spectral_chans` bands, 5.3 M parameters; see `HViT.forward`."""
    return _build("hvit_tiny_dfca", pretrained, **arguments)


@register_model
def hvit_small_dfca(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-S with a spectral stream of `spectral_chans` bands, 23 M parameters; see `HViT.forward`."""
    return _build("hvit_small_dfca", pretrained, **arguments)


@register_model
def hvit_base_dfca(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-B with a spectral stream of `spectral_chans` bands, 91 M parameters; see `HViT.forward`."""
    return _build("hvit_base_dfca", pretrained, **arguments)


@register_model
def hvit_large_dfca(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-L with a spectral stream of `spectral_chans` bands, 309 M parameters; see `HViT.forward`."""
    return _build("hvit_large_dfca", pretrained, **arguments)


@register_model
def hvit_tiny_conv(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-T whose first two stages are those of EfficientNet-Lite0, 5.2 M parameters; see `HViT.load_timm_weights`."""
    return _build("hvit_tiny_conv", pretrained, **arguments)


@register_model
def hvit_small_conv(pretrained: bool = False, **arguments: Any) -> torch.nn.Module:
    """HViT-S whose first two stages are those of EfficientNet-Lite2, 24 M parameters; see `HViT.load_timm_weights`."""
    return _build("hvit_small_conv", pretrained, **arguments)
