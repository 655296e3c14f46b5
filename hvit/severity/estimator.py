"""Severity of a leaf with an interval, from class probabilities; or the reason why it cannot be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from hvit.severity.bounds import ANY_CROP as ANY_CROP
from hvit.severity.bounds import AreaBounds
from hvit.severity.intervals import AreaIntervals
from hvit.severity.masks import masks_of
from hvit.severity.single_leaf import NOT_FINITE, LeafStatistics, largest_region

if TYPE_CHECKING:
    from hvit.models.segmentation import SegmentationHead

MIN_LESION_PX = 3  # at the resolution of the model's input; smaller spots are not counted as lesions
AREA_CLASSES = (0.0, 0.01, 0.03, 0.06, 0.12, 0.25, 0.50, 0.75, 1.0)
AREA_CLASS_NAMES = ("0 %", "up to 1 %", "1 to 3 %", "3 to 6 %", "6 to 12 %", "12 to 25 %", "25 to 50 %", "50 to 75 %",
                    "over 75 %")  # fmt: skip


@dataclass(frozen=True)
class Severity:
    """Severity of a leaf: share of its area with symptoms.

    Attributes:
        lesion_fraction: share of the leaf's area.
        low, high: 90 % interval of it.
        leaf_fraction: share of the photo that is leaf.
        lesions: number of separate lesions.
        least_measurable: share below which symptoms cannot be told from none.
    """

    lesion_fraction: float
    low: float
    high: float
    leaf_fraction: float
    lesions: int
    least_measurable: float = 0.0

    @property
    def is_measurable(self) -> bool:
        """Whether there is a lesion, and the area is large enough to be told from no symptoms."""
        return self.lesions > 0 and self.lesion_fraction >= self.least_measurable

    def to_dict(self) -> dict[str, Any]:
        """The fields of `severity` in `predict --json`."""
        return {
            "lesion_fraction": self.lesion_fraction,
            "low": self.low,
            "high": self.high,
            "leaf_fraction": self.leaf_fraction,
            "lesions": self.lesions,
        }


@dataclass(frozen=True)
class Measurement:
    """Areas of a single leaf, at the resolution of the model's input.

    Attributes:
        lesion_fraction, leaf_fraction, lesions: as in `Severity`.
        leaf, symptom: masks of the leaf and of its symptoms, (h, w) bool.
    """

    lesion_fraction: float
    leaf_fraction: float
    lesions: int
    leaf: np.ndarray
    symptom: np.ndarray


@dataclass(frozen=True)
class SeverityEstimator:
    """Segmentation head with calibrated thresholds and intervals; immutable, shared by threads.

    Attributes:
        head: in evaluation mode, on the device of the run.
        symptom_threshold: probability from which a pixel of the leaf is symptomatic.
        intervals: by group of calibration photos: a crop, `ANY_CROP`, or a data set that stands for no crop of the run.
        least_measurable: smallest lesion share that is told from none, by group.
        sha256: of the file of the head.
    """

    head: SegmentationHead
    symptom_threshold: float
    intervals: dict[str, AreaIntervals]
    least_measurable: dict[str, float]
    sha256: str

    def group_of(self, crop: str) -> str | None:
        """Calibration group of a crop; None for a crop whose lesions were never validated."""
        return self.bounds.group_of(crop)

    @property
    def bounds(self) -> AreaBounds:
        """Intervals and smallest measurable shares by group."""
        return AreaBounds(self.intervals, self.least_measurable)

    def measure(
        self, probabilities: np.ndarray, threshold: float | None = None, excluded: np.ndarray | None = None
    ) -> Measurement | str:
        """Measures the areas of one photo, without an interval; the reason where no single leaf is found.

        Args:
            probabilities: of background, leaf and symptom, (h, w, 3).
            threshold: of the symptom probability; None for that of the run.
            excluded: pixels that show no symptoms after all, (h, w) bool; those of the leaf stay leaf.
        """
        if not np.isfinite(probabilities).all():
            return NOT_FINITE
        leaf, symptom = masks_of(probabilities, self.symptom_threshold if threshold is None else threshold)
        statistics = LeafStatistics.of(leaf, 1 - probabilities[:, :, 0])
        reason = statistics.reason_against()
        if reason is not None:
            return reason
        leaf = largest_region(leaf)
        symptom = symptom & leaf if excluded is None else symptom & leaf & ~excluded
        return Measurement(
            lesion_fraction=float(symptom.sum() / leaf.sum()),
            leaf_fraction=statistics.leaf_fraction,
            lesions=count_lesions(symptom),
            leaf=leaf,
            symptom=symptom,
        )

    def estimate(
        self, probabilities: np.ndarray, crop: str, threshold: float | None = None, excluded: np.ndarray | None = None
    ) -> tuple[Severity | None, str | None]:
        """Severity of one photo with its interval, and a caveat or the reason why there is none.

        Args:
            probabilities, threshold, excluded: as in `measure`.
            crop: name of the crop, whose calibration is used.
        Returns:
            The severity; or None and the reason. Beside a number, the reason says that no lesions of the crop were
            validated; otherwise it is None.
        """
        measured = self.measure(probabilities, threshold, excluded)
        if isinstance(measured, str):
            return None, measured
        fraction = measured.lesion_fraction
        low, high, least, caveat = self.bounds.interval(fraction, crop)
        severity = Severity(
            lesion_fraction=fraction,
            low=low,
            high=high,
            leaf_fraction=measured.leaf_fraction,
            lesions=measured.lesions,
            least_measurable=least,
        )
        return severity, caveat


def count_lesions(symptom: np.ndarray) -> int:
    """Number of 8-connected regions of at least `MIN_LESION_PX` pixels in a mask (H, W) bool."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(symptom.astype(np.uint8), connectivity=8)
    return int((stats[1:count, cv2.CC_STAT_AREA] >= MIN_LESION_PX).sum())


def area_class(fraction: float) -> str:
    """Area class of a lesion share on the scale that raters use.

    >>> area_class(0.0), area_class(0.04), area_class(0.9)
    ('0 %', '3 to 6 %', 'over 75 %')
    """
    if fraction <= 0:
        return AREA_CLASS_NAMES[0]
    return AREA_CLASS_NAMES[1 + int(np.searchsorted(AREA_CLASSES[1:-1], fraction, side="left"))]
