"""Whether a map marks what an answer depends on: cover the marked places, and see what becomes of the answer.

Deletion covers the strongest places first: the sooner the probability falls, the better, so its area is low where a map
is good. Insertion starts from a covered photo and uncovers the strongest places first: its area is high where a map is
good (Petsiuk, Das & Saenko 2018, arXiv:1806.07421).
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from hvit.explain.color_scale import resampled
from hvit.explain.explanation import Explanation, beside
from hvit.explain.methods.integrated_gradients import blurred

Baseline = Literal["blur", "mean"]
BASELINES: tuple[Baseline, ...] = ("blur", "mean")
CELL_PX = 4  # places are ranked and covered in squares of this side, whatever the grid of the method
BLUR = 0.125  # as for integrated gradients
STEPS = 16
BATCH = 16  # pictures computed together: larger batches leave the cache of a processor


def covered(images: Tensor, values: np.ndarray, share: float, baseline: Baseline = "blur") -> Tensor:
    """The image with its strongest places covered.

    Args:
        images: one normalised image, (1, 3, H, W), sides multiples of 4 px.
        values: strength of each place on any grid over the image, (h, w); with their sign: what speaks against comes
            last.
        share: of the pixels to cover, in [0, 1]; rounded to whole cells of 4 x 4 px.
        baseline: what covers: "blur" is the image without details, "mean" the mean color of the preprocessing.
    Returns:
        (1, 3, H, W).
    Raises:
        ValueError: `share` is out of range, or there is no such baseline.
    """
    return _covered(images, _ranks(values, images), [share], baseline)


def covered_at_random(images: Tensor, share: float, cell_px: int, seed: int = 0, baseline: Baseline = "blur") -> Tensor:
    """The image with as many pixels covered as by `covered`, in squares that nothing but chance chose.

    Args:
        images, share, baseline: as for `covered`.
        cell_px: side of the squares: that of the map to compare with; divides both sides of the image.
        seed: of the choice.
    Raises:
        ValueError: as for `covered`, or `cell_px` does not divide the sides.
    """
    height, width = images.shape[-2:]
    if cell_px < 1 or height % cell_px or width % cell_px:
        raise ValueError(f"cell_px is {cell_px}, which does not divide an image of {height} x {width} px")
    values = np.random.default_rng(seed).random((height // cell_px, width // cell_px))
    return covered(images, values, share, baseline)


def deletion_curve(
    model: nn.Module,
    images: Tensor,
    values: np.ndarray,
    class_index: int,
    temperature: float = 1.0,
    baseline: Baseline = "blur",
    steps: int = STEPS,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    ends: tuple[float, float] | None = None,
) -> np.ndarray:
    """Probability of the class as the strongest places are covered: low is good.

    Args:
        model: in evaluation mode.
        images, values, baseline: as for `covered`.
        class_index: the class whose probability is followed.
        temperature: of the run; divides the logits.
        steps: of equal area.
        spectral, present: as for `HViT.forward`; they stay as they are.
        ends: from `end_probabilities`, where it is known: they are the same for every map of a photo.
    Returns:
        (steps + 1,) float64: after covering 0, 1/steps, ..., all of the image.
    Raises:
        ValueError: there is no such baseline.
    """
    shares = [i / steps for i in range(1, steps)]
    pictures = _covered(images, _ranks(values, images), shares, baseline)
    between = _probabilities(model, pictures, class_index, temperature, spectral, present)
    ends = ends or end_probabilities(model, images, class_index, temperature, baseline, spectral, present)
    return np.array([ends[0], *between, ends[1]])


def insertion_curve(
    model: nn.Module,
    images: Tensor,
    values: np.ndarray,
    class_index: int,
    temperature: float = 1.0,
    baseline: Baseline = "blur",
    steps: int = STEPS,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    ends: tuple[float, float] | None = None,
) -> np.ndarray:
    """Probability of the class as the strongest places of a covered image are uncovered: high is good.

    Arguments as for `deletion_curve`.

    Returns:
        (steps + 1,) float64: after uncovering 0, 1/steps, ..., all of the image.
    """
    shares = [1 - i / steps for i in range(1, steps)]
    pictures = _covered(images, _ranks(values, images)[::-1], shares, baseline)
    between = _probabilities(model, pictures, class_index, temperature, spectral, present)
    ends = ends or end_probabilities(model, images, class_index, temperature, baseline, spectral, present)
    return np.array([ends[1], *between, ends[0]])


def end_probabilities(
    model: nn.Module,
    images: Tensor,
    class_index: int,
    temperature: float = 1.0,
    baseline: Baseline = "blur",
    spectral: Tensor | None = None,
    present: Tensor | None = None,
) -> tuple[float, float]:
    """Probability of the class for the image as it is, and for the image covered all over."""
    flat = np.zeros((1, 1), np.float32)
    pictures = _covered(images, _ranks(flat, images), [0, 1], baseline)
    whole, nothing = _probabilities(model, pictures, class_index, temperature, spectral, present)
    return float(whole), float(nothing)


def area(curve: np.ndarray) -> float:
    """Area below a curve over [0, 1] by trapezoids: the mean probability on the way, in [0, 1]."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def strength(explanation: Explanation) -> float:
    """How far the strongest place stands out, on the scale of the method: the largest lift, or the largest score."""
    return float(np.abs(explanation.values).max())


def strongest_first(values: np.ndarray, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Numbers of the cells of a grid over the same picture, row by row, from the strongest to the weakest.

    Equal cells come in a drawn order: that of reading would make a map without any finding look like one.

    Args:
        values: (h, w).
        height, width: of the grid to rank.
        seed: of the order of equal cells.
    Returns:
        (height * width,) int.
    """
    drawn = np.random.default_rng(seed).permutation(height * width)
    return drawn[np.argsort(-resampled(values, height, width).flat[drawn], kind="stable")]


def _ranks(values: np.ndarray, images: Tensor) -> np.ndarray:
    """Cells of an image from the strongest to the weakest."""
    height, width = images.shape[-2:]
    assert height % CELL_PX == width % CELL_PX == 0, "cells would not fill the image"
    return strongest_first(values, height // CELL_PX, width // CELL_PX)


def _covered(images: Tensor, ranks: np.ndarray, shares: list[float], baseline: Baseline) -> Tensor:
    """The image with the first of its ranked cells covered, a picture a share: (shares, 3, H, W)."""
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"share is {shares}, expected numbers between 0 and 1")
    if baseline not in BASELINES:
        raise ValueError(f"baseline is {baseline!r}, expected {' or '.join(BASELINES)}")
    height, width = images.shape[-2:]
    masks = np.zeros((len(shares), ranks.size), dtype=bool)
    for mask, share in zip(masks, shares):
        mask[ranks[: round(share * ranks.size)]] = True
    masks = masks.reshape(len(shares), 1, height // CELL_PX, width // CELL_PX)
    masks = torch.from_numpy(masks.repeat(CELL_PX, axis=2).repeat(CELL_PX, axis=3)).to(images.device)
    under = blurred(images, BLUR) if baseline == "blur" else torch.zeros_like(images)
    return torch.where(masks, under, images)


@torch.inference_mode()
def _probabilities(
    model: nn.Module,
    pictures: Tensor,
    class_index: int,
    temperature: float,
    spectral: Tensor | None,
    present: Tensor | None,
) -> np.ndarray:
    """Calibrated probability of a class for each picture, (B,) float64."""
    found = []
    for batch in pictures.split(BATCH):
        parts = (part.expand(len(batch), *part.shape[1:]) for part in beside(spectral, present))
        found.append((model(batch, *parts).double() / temperature).softmax(1)[:, class_index])
    return torch.cat(found).cpu().numpy()
