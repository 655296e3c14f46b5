"""One photo put to the test: does covering what a map marks lower the answer more than covering by chance?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hvit.calibration import softmax
from hvit.data.classes import select_crop
from hvit.explain.explanation import Explanation, beside
from hvit.explain.faithfulness import CELL_PX, covered, covered_at_random, strongest_first
from hvit.runs.checkpoint import Checkpoint

SHARE = 0.1
DRAWS = 8  # of places by chance, whose mean is taken


@dataclass(frozen=True)
class CoverTest:
    """Calibrated probability of one class, in [0, 1].

    Attributes:
        class_index: whose probability.
        before: of the photo as it is.
        marked: with the strongest places of a map covered.
        at_random: with as many places covered by chance, mean over `num_draws`.
        share: of the photo that was covered.
        num_draws: how often chance chose.
    """

    class_index: int
    before: float
    marked: float
    at_random: float
    share: float
    num_draws: int


def cover_test(
    checkpoint: Checkpoint,
    images: Tensor,
    explanation: Explanation,
    class_index: int,
    crop: str | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
) -> CoverTest:
    """Covers a tenth of the photo twice, with the photo blurred: where the map is strongest, and anywhere.

    Args:
        images, spectral, present: of one photo, as the model takes them.
        explanation: the map.
        class_index: the class whose probability is followed.
        crop: probabilities among the classes of this crop only.
    """
    cell_px = images.shape[-1] // explanation.attribution.shape[1]
    by_chance = [covered_at_random(images, SHARE, cell_px, seed) for seed in range(DRAWS)]
    pictures = [images, covered(images, explanation.values, SHARE), *by_chance]
    inputs = [part.expand(len(pictures), *part.shape[1:]) for part in beside(spectral, present)]
    with torch.inference_mode():
        logits = checkpoint.model(torch.cat(pictures), *inputs).cpu().numpy()
    probs = _possible(softmax(logits, checkpoint.temperature), checkpoint.classes, crop)[:, class_index]
    before, marked, *at_random = (float(p) for p in probs)
    return CoverTest(class_index, before, marked, float(np.mean(at_random)), SHARE, DRAWS)


def marked_places(explanation: Explanation, height: int, width: int) -> np.ndarray:
    """The places that `cover_test` covers in an image of these sides, (height/4, width/4) bool."""
    rows, columns = height // CELL_PX, width // CELL_PX
    mask = np.zeros(rows * columns, dtype=bool)
    mask[strongest_first(explanation.values, rows, columns)[: round(SHARE * mask.size)]] = True
    return mask.reshape(rows, columns)


def _possible(probs: np.ndarray, classes: Sequence[str], crop: str | None) -> np.ndarray:
    if crop is None:
        return probs
    inside = np.where(select_crop(classes, crop), probs, 0.0)
    return inside / np.maximum(inside.sum(1, keepdims=True), 1e-300)
