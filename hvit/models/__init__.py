"""The model family."""

from dataclasses import replace

from hvit.models.config import SIZES, ModelConfig
from hvit.models.hvit import Details, HViT

__all__ = ["Details", "HViT", "ModelConfig", "SIZES", "create_model"]


def create_model(name: str, **arguments) -> HViT:
    """Builds a model of the family by name, with random weights.

    Args:
        name: one of `SIZES`.
        arguments: fields of `ModelConfig` that differ, for example `num_classes=33`.
    Raises:
        ValueError: no size or no field of that name.
    """
    if name not in SIZES:
        raise ValueError(f"no model {name!r}; there are {', '.join(SIZES)}")
    try:
        return HViT(replace(SIZES[name], **arguments))
    except TypeError:
        unknown = sorted(set(arguments) - set(ModelConfig.__dataclass_fields__))
        raise ValueError(f"{name} has no argument {', '.join(unknown)}") from None
