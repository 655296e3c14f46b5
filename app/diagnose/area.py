"""Corrections of the measured symptom area. Pure functions, no drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from hvit.severity.masks import symptom_regions

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.severity.estimator import Measurement, SeverityEstimator

LEVELS = (0.05, 0.95)  # of the symptom probability, as in hvit.severity.storage
MAX_REGIONS = 12  # that can be left out, the largest ones
NUMBERED_PX = 960


@dataclass(frozen=True)
class Correction:
    """A correction of the measured area of one photo.

    Attributes:
        threshold: of the symptom probability.
        left_out: numbers of regions that show no symptoms, counted from 1, largest first.
    """

    threshold: float
    left_out: tuple[int, ...] = ()


def corrected(areas: np.ndarray, estimator: SeverityEstimator, correction: Correction) -> Measurement | str:
    """Measures the area with a correction; the reason where no single leaf is left.

    Args:
        areas: class probabilities of the photo, (h, w, 3).
    """
    chosen = [region for number, region in numbered_regions(areas, estimator) if number in correction.left_out]
    excluded = np.any(chosen, axis=0) if chosen else None
    return estimator.measure(areas, correction.threshold, excluded)


def numbered_regions(areas: np.ndarray, estimator: SeverityEstimator) -> list[tuple[int, np.ndarray]]:
    """The largest symptom regions at the threshold of the run, numbered from 1."""
    measured = estimator.measure(areas)
    return [] if isinstance(measured, str) else list(enumerate(symptom_regions(measured.symptom, MAX_REGIONS), 1))


def with_numbers(pixels: np.ndarray, regions: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Draws the number of each region on the photo (H, W, 3) uint8; small photos are enlarged."""
    factor = max(1.0, NUMBERED_PX / max(pixels.shape[:2]))
    shown = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    for number, region in regions:
        rows, columns = np.nonzero(region)
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        scale = (shown.shape[1] / region.shape[1], shown.shape[0] / region.shape[0])
        spot = (int((columns[middle] + 0.5) * scale[0]), int((rows[middle] + 0.5) * scale[1]))
        for color, width in (((20, 20, 20), 5), ((255, 255, 255), 2)):
            cv2.putText(shown, str(number), spot, cv2.FONT_HERSHEY_SIMPLEX, 0.9, color, width, cv2.LINE_AA)
    return shown
