"""What every method gives back, and what the methods ask of a model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from hvit.explain.color_scale import Scale, resampled


@dataclass(frozen=True)
class Explanation:
    """How much each place of a photo counts for an answer.

    Attributes:
        attribution: (h, w) float32 on the grid of the method, which covers the photo; sign and scale are kept.
        method: name of the method.
        class_index: the class explained; None for a method that does not depend on it.
        arguments: of the method, all of them.
        scale: what turns it into a heatmap.
        is_sum: whether the places share a whole, so that their sum means something; else each value stands for itself.
        against: the class whose attribution was taken off, in a difference; else None.
        nothing_for: the classes among these two for which the method found no place; their attribution is 0 everywhere.
    """

    attribution: np.ndarray
    method: str
    class_index: int | None
    arguments: dict
    scale: Scale
    is_sum: bool
    against: int | None = None
    nothing_for: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found at all, so that there is no map to show."""
        return len(self.nothing_for) == (1 if self.against is None else 2)

    @property
    def values(self) -> np.ndarray:
        """What the scale is for, (h, w): the attribution, times the number of places where they share a whole."""
        return self.attribution * (self.attribution.size if self.is_sum else 1)

    @cached_property
    def heatmap(self) -> np.ndarray:
        """(h, w) float32 in [0, 1] for the eye, on a scale that is the same for every photo."""
        return self.scale.heat(self.values)

    def on_photo(self, height: int, width: int) -> np.ndarray:
        """The attribution of each pixel of the photo, (height, width) float32; a sum stays what it is."""
        return resampled(self.values, height, width) / (height * width if self.is_sum else 1)


def class_score(
    model: nn.Module,
    class_index: int,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    show: Callable[[int, int], None] | None = None,
    total: int = 0,
) -> Callable[[Tensor], Tensor]:
    """A function of images (B, 3, H, W) that gives their logits of one class, (B,), with all else as it is.

    Args:
        spectral, present: of one image; kept the same for all.
        show, total: told after each pass how many of `total` images are done.
    """
    done = 0

    def score(images: Tensor) -> Tensor:
        nonlocal done
        logits = model(images, *(part.expand(len(images), *part.shape[1:]) for part in beside(spectral, present)))
        done += len(images)
        if show is not None:
            show(min(done, total), total)
        return logits[:, class_index]

    return score


def beside(spectral: Tensor | None, present: Tensor | None) -> list[Tensor]:
    """What a model takes beside images; nothing for one without a spectral stream."""
    return [part for part in (spectral, present) if part is not None]


@torch.no_grad()
def chosen_class(
    model: nn.Module, images: Tensor, class_index: int | None, spectral: Tensor | None, present: Tensor | None
) -> int:
    """The class asked for, or else the most likely one."""
    return int(model(images, *beside(spectral, present)).argmax()) if class_index is None else class_index


def refuse_unready(model: nn.Module, images: Tensor) -> None:
    """Mistakes of ours rather than of a user."""
    assert not model.training, "dropped paths would change the map"
    assert len(images) == 1, "one photo at a time"
