"""Perturbation test of one photo: does masking the top attributions lower the probability more than random masks?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hvit.calibration import softmax
from hvit.data.classes import select_crop
from hvit.explain.explanation import Explanation, spectral_inputs
from hvit.explain.faithfulness import CELL_PX, mask_random, mask_strongest, rank_cells
from hvit.runs.checkpoint import Checkpoint

FRACTION = 0.1  # of the pixels that are masked
NUM_RANDOM_MASKS = 8


@dataclass(frozen=True)
class PerturbationTest:
    """Calibrated probability of one class under masking, in [0, 1].

    Attributes:
        class_index: the class.
        original: probability for the original photo.
        top_masked: with the cells of highest attribution masked.
        random_masked: with as many random cells masked, mean over `num_random_masks`.
        fraction: of the pixels that were masked.
        num_random_masks: number of random masks.
    """

    class_index: int
    original: float
    top_masked: float
    random_masked: float
    fraction: float
    num_random_masks: int


def perturbation_test(
    checkpoint: Checkpoint,
    images: Tensor,
    explanation: Explanation,
    class_index: int,
    crop: str | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
) -> PerturbationTest:
    """Masks a tenth of the photo by blurring: the cells of highest attribution, and random cells.

    Args:
        images, spectral, present: inputs of the model for one photo.
        explanation: the attribution to test.
        class_index: the class whose probability is computed.
        crop: renormalize probabilities over the classes of this crop; None for all classes.
    """
    cell_px = images.shape[-1] // explanation.attribution.shape[1]
    random = [mask_random(images, FRACTION, cell_px, seed) for seed in range(NUM_RANDOM_MASKS)]
    batch = torch.cat([images, mask_strongest(images, explanation.values, FRACTION), *random])
    inputs = [part.expand(len(batch), *part.shape[1:]) for part in spectral_inputs(spectral, present)]
    with torch.inference_mode():
        logits = checkpoint.model(batch, *inputs).cpu().numpy()
    probs = _within_crop(softmax(logits, checkpoint.temperature), checkpoint.classes, crop)[:, class_index]
    original, top_masked, *random_masked = (float(p) for p in probs)
    return PerturbationTest(
        class_index, original, top_masked, float(np.mean(random_masked)), FRACTION, NUM_RANDOM_MASKS
    )


def masked_cells(explanation: Explanation, height: int, width: int) -> np.ndarray:
    """Mask of the cells of highest attribution in `perturbation_test`, (height/4, width/4) bool."""
    rows, columns = height // CELL_PX, width // CELL_PX
    mask = np.zeros(rows * columns, dtype=bool)
    mask[rank_cells(explanation.values, rows, columns)[: round(FRACTION * mask.size)]] = True
    return mask.reshape(rows, columns)


def _within_crop(probs: np.ndarray, classes: Sequence[str], crop: str | None) -> np.ndarray:
    if crop is None:
        return probs
    inside = np.where(select_crop(classes, crop), probs, 0.0)
    renormalized: np.ndarray = inside / np.maximum(inside.sum(1, keepdims=True), 1e-300)
    return renormalized
