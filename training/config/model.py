"""Sections on models: architecture and initial weights, and the segmentation head."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, field_serializer, field_validator, model_validator

from hvit.models import SIZES, check_model_name
from hvit.models.baselines import PREFIX
from training.config.base import Section

NO_CONVOLUTIONS = "a net that can leave masked parts out, which convolutions at strides 4 and 8 do not"


class ModelSection(Section):
    """Model: a size of the family, or a timm baseline (timm:resnet50); None keeps the value of the size."""

    name: str = "hvit_tiny"
    embed_dims: tuple[int, int, int, int] | None = None  # channels of the four stages
    depths: tuple[int, int, int, int] | None = None  # blocks of the four stages
    head_dim: int | None = Field(None, ge=1)  # channels of an attention head; divides every entry of embed_dims
    drop_path_rate: float = Field(0.1, ge=0, lt=1)
    grad_checkpointing: bool = False
    # Pretrained weights to start from, all but those of the head: a file, or timm's own through its hub.
    weights: Literal["timm"] | Path | None = None

    @field_serializer("weights")
    def _with_forward_slashes(self, weights: str | Path | None) -> str | None:
        return weights.as_posix() if isinstance(weights, Path) else weights

    @field_validator("name")
    def _check_model_name(cls, name: str) -> str:
        check_model_name(name)
        return name

    @property
    def is_baseline(self) -> bool:
        """Whether it is a timm model."""
        return self.name.startswith(PREFIX)

    @property
    def has_front(self) -> bool:
        """Whether the first stages are convolutions."""
        return not self.is_baseline and SIZES[self.name].front is not None

    @property
    def is_fused(self) -> bool:
        """Whether it has a spectral stream (DFCA)."""
        return not self.is_baseline and SIZES[self.name].spectral_chans > 0

    @property
    def weights_architecture(self) -> str | None:
        """The timm model whose pretrained weights this model can start from; None where there is none."""
        if self.is_baseline:
            return self.name
        front = SIZES[self.name].front_config
        return None if front is None else front.source

    @model_validator(mode="after")
    def _check_weights_supported(self):
        if self.weights is not None and self.weights_architecture is None:
            sizes = ", ".join(name for name, size in SIZES.items() if size.front is not None)
            raise ValueError(
                f"weights: {self.name} has no part that starts from pretrained weights; those that have are {sizes} "
                "and models of timm (timm:NAME)"
            )
        return self

    @property
    def shape(self) -> dict:
        """Overrides of the named size."""
        chosen = {"embed_dims": self.embed_dims, "depths": self.depths, "head_dim": self.head_dim}
        return {key: list(value) if key != "head_dim" else value for key, value in chosen.items() if value is not None}

    @model_validator(mode="after")
    def _check_shape(self):
        if self.shape and self.is_baseline:
            raise ValueError(f"{', '.join(self.shape)} shape an HViT, and {self.name} is none; leave them out")
        if self.shape:
            replace(SIZES[self.name], **self.shape)  # raises where the fields do not fit together
        return self


class PretrainModel(ModelSection):
    """The model whose backbone is pre-trained; baselines cannot leave out masked tokens."""

    drop_path_rate: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _check_hvit(self):
        if self.is_baseline:
            raise ValueError(f"{self.name} cannot be pre-trained here; choose one of {', '.join(SIZES)}")
        if self.is_fused:  # its spectral stream would learn nothing; fine-tuning puts one on a plain backbone
            plain = self.name.removesuffix("_dfca")
            raise ValueError(f"{self.name} takes a spectral picture, and pre-training shows none; use {plain}")
        if self.weights is not None:
            raise ValueError("weights: pre-training starts from random weights; leave it out")
        return self


class EncoderSection(Section):
    """A timm model that is trained with the segmentation head, in place of the frozen backbone of a run."""

    name: str  # timm:NAME, of a convolutional network
    weights: Literal["timm"] | Path | None = None  # pretrained weights: a file, or timm's own through its hub

    @field_serializer("weights")
    def _with_forward_slashes(self, weights: str | Path | None) -> str | None:
        return weights.as_posix() if isinstance(weights, Path) else weights

    @field_validator("name")
    def _is_of_timm(cls, name: str) -> str:
        if not name.startswith(PREFIX):
            raise ValueError(f"encoder.name is {name}; expected a model of timm, such as timm:tf_efficientnet_lite0")
        check_model_name(name)
        return name


class SegmentationHeadConfig(Section):
    """Width of the segmentation head, see `hvit.models.segmentation`."""

    dim: int = Field(40, ge=8, le=256)  # wider heads exceed the file size that runs may have
    detail_dim: int = Field(20, ge=8, le=128, multiple_of=2)
