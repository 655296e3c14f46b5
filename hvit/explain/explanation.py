"""`Explanation`, the result of every attribution method, and functions that the methods share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvit.explain.color_scale import ColorScale, resample_area
from hvit.models import Classifier


@dataclass(frozen=True)
class Explanation:
    """Attribution map of one photo.

    Attributes:
        attribution: (h, w) float32 on the grid of the method, which spans the photo; with sign, not normalized.
        method: name of the method.
        class_index: the explained class; None for a method that does not depend on it.
        arguments: all arguments of the method.
        scale: color scale of the heatmap.
        is_additive: whether the cells sum to a meaningful total, a logit or 1; otherwise values are independent.
        against: in a difference, the class whose attribution was subtracted; otherwise None.
        no_evidence_for: those of the classes without any positive evidence, whose attribution is 0 everywhere.
    """

    attribution: np.ndarray
    method: str
    class_index: int | None
    arguments: dict[str, Any]
    scale: ColorScale
    is_additive: bool
    against: int | None = None
    no_evidence_for: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the attribution is 0 everywhere, so that there is no heatmap to show."""
        return len(self.no_evidence_for) == (1 if self.against is None else 2)

    @property
    def values(self) -> np.ndarray:
        """Values on the color scale, (h, w): the attribution; times the number of cells where it is additive."""
        return self.attribution * (self.attribution.size if self.is_additive else 1)

    @cached_property
    def heatmap(self) -> np.ndarray:
        """Position of each value on the fixed color scale, (h, w) float32 in [0, 1]."""
        return self.scale.normalize(self.values)

    def per_pixel(self, height: int, width: int) -> np.ndarray:
        """Attribution of each pixel of the photo, (height, width) float32; an additive one keeps its sum."""
        return resample_area(self.values, height, width) / (height * width if self.is_additive else 1)


def class_score(
    model: Classifier,
    class_index: int,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    progress: Callable[[int, int], None] | None = None,
    total: int = 0,
) -> Callable[[Tensor], Tensor]:
    """Forward function of one logit, for captum: images (B, 3, H, W) -> logits of the class, (B,).

    Args:
        spectral, present: of one image; held fixed for all.
        progress: called after each pass with the number of images done and `total`.
    """
    done = 0

    def score(images: Tensor) -> Tensor:
        nonlocal done
        logits = model(
            images, *(part.expand(len(images), *part.shape[1:]) for part in spectral_inputs(spectral, present))
        )
        done += len(images)
        if progress is not None:
            progress(min(done, total), total)
        return logits[:, class_index]

    return score


def spectral_inputs(spectral: Tensor | None, present: Tensor | None) -> list[Tensor]:
    """The arguments of `HViT.forward` after the images, without those that are None."""
    return [part for part in (spectral, present) if part is not None]


@torch.no_grad()
def target_class(
    model: Classifier, images: Tensor, class_index: int | None, spectral: Tensor | None, present: Tensor | None
) -> int:
    """The class to explain: `class_index`, or the predicted class where it is None."""
    return int(model(images, *spectral_inputs(spectral, present)).argmax()) if class_index is None else class_index


def check_inputs(model: Classifier, images: Tensor) -> None:
    """Asserts what callers guarantee: evaluation mode and a batch of one image."""
    assert not model.training, "stochastic depth would change the attribution; call model.eval()"
    assert len(images) == 1, "methods explain one image at a time"
