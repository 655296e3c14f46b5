"""Models: HViT in its sizes, and timm models as baselines, behind the interface `Classifier`."""

import difflib
from dataclasses import replace
from typing import Any

from hvit.models.baselines import PREFIX, Baseline, check_timm_name
from hvit.models.classifier import Classifier, has_attention
from hvit.models.config import SIZES, ModelConfig
from hvit.models.details import Details
from hvit.models.hvit import HViT

__all__ = [
    "Baseline", "Classifier", "Details", "HViT", "ModelConfig", "SIZES", "check_model_name", "create_model",
    "has_attention",
]  # fmt: skip


def create_model(name: str, **arguments: Any) -> Classifier:
    """Builds a model by name, with random weights.

    Args:
        name: one of `SIZES`, or a timm model such as timm:resnet50.
        arguments: fields of `ModelConfig` to override, for example `num_classes=33`; of a timm model those of
            `Baseline`.
    Raises:
        ValueError: no model or no argument of that name.

    >>> import torch
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> model(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 3])
    """
    if name.startswith(PREFIX):
        return Baseline(name.removeprefix(PREFIX), **arguments)
    check_model_name(name)
    try:
        return HViT(replace(SIZES[name], **arguments))
    except TypeError:
        unknown = sorted(set(arguments) - set(ModelConfig.__dataclass_fields__))
        raise ValueError(f"{name} has no argument {', '.join(unknown)}") from None


def check_model_name(name: str) -> None:
    """Checks that a model of this name exists, without building it.

    Raises:
        ValueError: there is none; the message names the closest match.
    """
    if name.startswith(PREFIX):
        check_timm_name(name)
    elif name not in SIZES:
        near = difflib.get_close_matches(name, SIZES, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no model {name!r}; {hint}there are {', '.join(SIZES)}, and those of timm: timm:resnet50")
