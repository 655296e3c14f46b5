"""Faithfulness of attributions: deletion and insertion curves (Petsiuk, Das & Saenko 2018, arXiv:1806.07421).

Deletion masks the cells of highest attribution first: a low area under the probability curve is good. Insertion starts
from the masked image and reveals the cells of highest attribution first: a high area is good.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hvit.explain.color_scale import resample_area
from hvit.explain.explanation import Explanation, spectral_inputs
from hvit.explain.methods.integrated_gradients import blurred
from hvit.models import Classifier

MaskBaseline = Literal["blur", "mean"]
BASELINES: tuple[MaskBaseline, ...] = ("blur", "mean")
CELL_PX = 4  # side of the cells that are ranked and masked, whatever the grid of the method
BLUR = 0.125  # as in integrated gradients
STEPS = 16
BATCH = 16  # larger batches do not fit into the cache of a CPU


def mask_strongest(images: Tensor, values: np.ndarray, share: float, baseline: MaskBaseline = "blur") -> Tensor:
    """Masks the cells of highest attribution.

    Args:
        images: one normalized image, (1, 3, H, W), sides multiples of 4 px.
        values: attribution on any grid over the image, (h, w); signed, so that negative evidence comes last.
        share: fraction of the pixels to mask, in [0, 1]; rounded to cells of 4 x 4 px.
        baseline: what replaces masked pixels: "blur" the blurred image, "mean" the mean color of the preprocessing.
    Returns:
        (1, 3, H, W).
    Raises:
        ValueError: `share` is out of range, or the baseline unknown.
    """
    return _masked(images, _ranks(values, images), [share], baseline)


def mask_random(images: Tensor, share: float, cell_px: int, seed: int = 0, baseline: MaskBaseline = "blur") -> Tensor:
    """Masks randomly chosen cells, with the same fraction of pixels as `mask_strongest`.

    Args:
        images, share, baseline: as for `mask_strongest`.
        cell_px: side of the cells, that of the attribution to compare with; divides both sides of the image.
        seed: of the random choice.
    Raises:
        ValueError: as for `mask_strongest`, or `cell_px` does not divide the sides.
    """
    height, width = images.shape[-2:]
    if cell_px < 1 or height % cell_px or width % cell_px:
        raise ValueError(f"cell_px is {cell_px}, which does not divide an image of {height} x {width} px")
    values = np.random.default_rng(seed).random((height // cell_px, width // cell_px))
    return mask_strongest(images, values, share, baseline)


def deletion_curve(
    model: Classifier,
    images: Tensor,
    values: np.ndarray,
    class_index: int,
    temperature: float = 1.0,
    baseline: MaskBaseline = "blur",
    steps: int = STEPS,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    ends: tuple[float, float] | None = None,
) -> np.ndarray:
    """Deletion curve: probability of the class while cells are masked by decreasing attribution; low is good.

    Args:
        model: in evaluation mode.
        images, values, baseline: as for `mask_strongest`.
        class_index: the class.
        temperature: of the calibration; divides the logits.
        steps: number of steps, of equal area.
        spectral, present: as for `HViT.forward`; held fixed.
        ends: from `endpoint_probabilities`, where known: they are the same for every attribution of a photo.
    Returns:
        (steps + 1,) float64: with 0, 1/steps, ..., all of the image masked.
    Raises:
        ValueError: the baseline is unknown.
    """
    shares = [i / steps for i in range(1, steps)]
    masked_images = _masked(images, _ranks(values, images), shares, baseline)
    between = _probabilities(model, masked_images, class_index, temperature, spectral, present)
    ends = ends or endpoint_probabilities(model, images, class_index, temperature, baseline, spectral, present)
    return np.array([ends[0], *between, ends[1]])


def insertion_curve(
    model: Classifier,
    images: Tensor,
    values: np.ndarray,
    class_index: int,
    temperature: float = 1.0,
    baseline: MaskBaseline = "blur",
    steps: int = STEPS,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    ends: tuple[float, float] | None = None,
) -> np.ndarray:
    """Insertion curve: probability of the class while cells are revealed by decreasing attribution; high is good.

    Arguments as for `deletion_curve`.

    Returns:
        (steps + 1,) float64: with 0, 1/steps, ..., all of the image revealed.
    """
    shares = [1 - i / steps for i in range(1, steps)]
    masked_images = _masked(images, _ranks(values, images)[::-1], shares, baseline)
    between = _probabilities(model, masked_images, class_index, temperature, spectral, present)
    ends = ends or endpoint_probabilities(model, images, class_index, temperature, baseline, spectral, present)
    return np.array([ends[1], *between, ends[0]])


def endpoint_probabilities(
    model: Classifier,
    images: Tensor,
    class_index: int,
    temperature: float = 1.0,
    baseline: MaskBaseline = "blur",
    spectral: Tensor | None = None,
    present: Tensor | None = None,
) -> tuple[float, float]:
    """Probability of the class for the original image, and for the fully masked image."""
    flat = np.zeros((1, 1), np.float32)
    masked_images = _masked(images, _ranks(flat, images), [0, 1], baseline)
    whole, nothing = _probabilities(model, masked_images, class_index, temperature, spectral, present)
    return float(whole), float(nothing)


def area_under_curve(curve: np.ndarray) -> float:
    """Area under a deletion or insertion curve over [0, 1] by the trapezoidal rule, in [0, 1].

    >>> area_under_curve(np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def peak_attribution(explanation: Explanation) -> float:
    """Largest absolute value of an attribution, on the color scale of the method: a relative share, or a logit."""
    return float(np.abs(explanation.values).max())


def rank_cells(values: np.ndarray, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Sorts the cells of a grid over the same image by decreasing attribution.

    Ties are in random order: row-major order would give a flat map a spatial pattern.

    Args:
        values: attribution, (h, w).
        height, width: of the grid.
        seed: of the order of ties.
    Returns:
        Flat indices of the cells, (height * width,) int.
    """
    shuffled = np.random.default_rng(seed).permutation(height * width)
    order = np.argsort(-resample_area(values, height, width).flat[shuffled], kind="stable")
    ranked: np.ndarray = shuffled[order]
    return ranked


def _ranks(values: np.ndarray, images: Tensor) -> np.ndarray:
    """Flat indices of the 4-px cells of an image by decreasing attribution."""
    height, width = images.shape[-2:]
    assert height % CELL_PX == width % CELL_PX == 0, "the sides of the image must be multiples of the cell"
    return rank_cells(values, height // CELL_PX, width // CELL_PX)


def _masked(images: Tensor, ranks: np.ndarray, shares: list[float], baseline: MaskBaseline) -> Tensor:
    """Copies of the image with a fraction of its ranked cells masked, one for each share: (shares, 3, H, W)."""
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"share is {shares}, expected numbers between 0 and 1")
    if baseline not in BASELINES:
        raise ValueError(f"baseline is {baseline!r}, expected {' or '.join(BASELINES)}")
    height, width = images.shape[-2:]
    cells = np.zeros((len(shares), ranks.size), dtype=bool)
    for mask, share in zip(cells, shares):
        mask[ranks[: round(share * ranks.size)]] = True
    grids = cells.reshape(len(shares), 1, height // CELL_PX, width // CELL_PX)
    mask_pixels = torch.from_numpy(grids.repeat(CELL_PX, axis=2).repeat(CELL_PX, axis=3)).to(images.device)
    fill = blurred(images, BLUR) if baseline == "blur" else torch.zeros_like(images)
    return torch.where(mask_pixels, fill, images)


@torch.inference_mode()
def _probabilities(
    model: Classifier,
    masked_images: Tensor,
    class_index: int,
    temperature: float,
    spectral: Tensor | None,
    present: Tensor | None,
) -> np.ndarray:
    """Calibrated probability of a class for each image, (B,) float64."""
    probs = []
    for batch in torch.split(masked_images, BATCH):
        parts = (part.expand(len(batch), *part.shape[1:]) for part in spectral_inputs(spectral, present))
        probs.append((model(batch, *parts).double() / temperature).softmax(1)[:, class_index])
    result: np.ndarray = torch.cat(probs).cpu().numpy()
    return result
