"""The model family, and the baselines it is compared with."""

import difflib
from dataclasses import replace

from hvit.models.baselines import PREFIX, Baseline, refuse_unknown_baseline
from hvit.models.config import SIZES, ModelConfig
from hvit.models.hvit import Details, HViT

__all__ = ["Baseline", "Details", "HViT", "ModelConfig", "SIZES", "create_model", "refuse_unknown"]


def create_model(name: str, **arguments) -> HViT | Baseline:
    """Builds a model by name, with random weights.

    Args:
        name: one of `SIZES`, or a baseline such as timm:resnet50.
        arguments: fields of `ModelConfig` that differ, for example `num_classes=33`; of a baseline those of `Baseline`.
    Raises:
        ValueError: no model or no argument of that name.
    """
    if name.startswith(PREFIX):
        return Baseline(name.removeprefix(PREFIX), **arguments)
    refuse_unknown(name)
    try:
        return HViT(replace(SIZES[name], **arguments))
    except TypeError:
        unknown = sorted(set(arguments) - set(ModelConfig.__dataclass_fields__))
        raise ValueError(f"{name} has no argument {', '.join(unknown)}") from None


def refuse_unknown(name: str) -> None:
    """Checks the name of a model without building it.

    Raises:
        ValueError: there is none of that name; names the nearest.
    """
    if name.startswith(PREFIX):
        refuse_unknown_baseline(name)
    elif name not in SIZES:
        near = difflib.get_close_matches(name, SIZES, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no model {name!r}; {hint}there are {', '.join(SIZES)}, and those of timm: timm:resnet50")
