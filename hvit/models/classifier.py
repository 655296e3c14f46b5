"""The interface that HViT and the timm baselines share: what training, evaluation and explanation need of a model."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeGuard

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from hvit.models.hvit import HViT


class Classifier(Protocol):
    """An image classifier: an `nn.Module` with these attributes and methods.

    Every forward method takes the same arguments: `images`, normalized RGB (B, 3, H, W); `spectral`, the normalized
    spectral image of each (B, spectral_chans, H, W), or None; `present`, a mask (B,) bool of the samples whose spectral
    image counts, None for all. They raise ValueError where `spectral` is given and `spectral_chans` is 0.

    Attributes:
        num_classes: K, the number of logits.
        spectral_chans: channels of the spectral image the model takes beside the photo; 0 where it takes photos alone.
        attention_stages: indices of the stages with self-attention that `HViT.forward_details` returns; empty for a
            baseline, which has no `forward_details`.
        exports_to_onnx: whether `hvit.export` can write the model as ONNX.
        training: as in `nn.Module`.
    """

    num_classes: int
    training: bool

    @property
    def spectral_chans(self) -> int: ...

    @property
    def attention_stages(self) -> tuple[int, ...]: ...

    @property
    def exports_to_onnx(self) -> bool: ...

    def __call__(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Logits, (B, K)."""

    def forward_stages(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) and the spatial mean of up to four feature maps, (B, C) each, from fine to coarse."""

    def forward_embedding(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, K) and the pooled features before the classification head, (B, C)."""

    def stage_dims(self) -> list[int]:
        """Channels of each feature map of `forward_stages`."""

    def get_classifier(self) -> nn.Module:
        """The classification head."""

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Turns activation checkpointing on or off; ValueError where the model has none."""

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""

    def layer_groups(self) -> dict[str, int]:
        """Layer index of each parameter for layer-wise learning-rate decay: 0 next to the image, the head last."""

    def num_drop_paths(self) -> int:
        """Number of stochastic-depth layers, those of rate 0 in an HViT left out."""

    def set_drop_path(self, uniform: Tensor) -> None:
        """Fixes the random numbers of stochastic depth for the next passes.

        Args:
            uniform: numbers in [0, 1), (num_drop_paths, B); a sample skips a branch where its number is below the rate.
        """

    def check_image_sizes(self, sizes: list[tuple[int, int]]) -> None:
        """Raises ValueError where the model cannot compute at one of these (height, width) in px."""

    def load_timm_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Loads weights of the timm model this one is built on, without the head; ValueError where they do not fit."""

    def load_backbone(self, other: Self) -> None:
        """Copies all weights but the head's from a model of the same architecture; ValueError where they do not fit."""

    def reinitialized(self) -> Self:
        """A model of the same architecture with new random weights, on the CPU."""

    # Of nn.Module:
    def train(self, mode: bool = True) -> Self: ...

    def eval(self) -> Self: ...

    def cpu(self) -> Self: ...

    def float(self) -> Self: ...

    def to(self, device: torch.device | str) -> Self: ...

    def requires_grad_(self, requires_grad: bool = True) -> Self: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...


def has_attention(model: Classifier) -> "TypeGuard[HViT]":
    """Whether a model exposes its attention matrices and stage tokens: `HViT.forward_details`."""
    return bool(model.attention_stages)
