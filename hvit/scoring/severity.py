"""Scores of a severity estimate against masks, by data set and method, with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.layout import SEVERITY, in_split
from hvit.scoring.concordance import LimitsOfAgreement, limits_of_agreement, lins_concordance
from hvit.scoring.intervals import Interval, bootstrap_interval
from hvit.scoring.segmentation import pooled_iou
from hvit.severity.records import MeasuredPhoto, records_of

Statistic = Callable[[list[MeasuredPhoto]], float | None]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % bootstrap interval; both None where it is undefined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class SeverityScores:
    """Figures of one method on one data set.

    Attributes:
        n: photos.
        measured: photos with an area.
        leaf_iou, symptom_iou: pooled over pixels.
        concordance: Lin's, of measured and true areas.
        mae: mean absolute error of the area, as a share of the leaf.
        coverage: share of intervals that hold the true area.
        limits: Bland-Altman limits of the area.
    """

    n: int
    measured: int
    leaf_iou: Estimate
    symptom_iou: Estimate
    concordance: Estimate
    mae: Estimate
    coverage: Estimate
    limits: LimitsOfAgreement | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        figures = {name: getattr(self, name) for name in ("leaf_iou", "symptom_iou", "concordance", "mae", "coverage")}
        limits = None if self.limits is None else vars(self.limits)
        flat = {name: {"value": e.value, "interval": e.interval} for name, e in figures.items()}
        return {"n": self.n, "measured": self.measured, **flat, "limits_of_agreement": limits}


def read_measured_photos(run: Run, split: str) -> list[MeasuredPhoto] | None:
    """The recorded severity of photos with masks of a run; None where none was recorded.

    Raises:
        RunError: the file is damaged.
    """
    columns = run.severity(split)
    if columns is None:
        return None
    try:
        return records_of(columns)
    except ValueError as error:
        raise RunError(f"{in_split(split, SEVERITY)} of run {run.name} {error}; copy the run again") from None


def severity_scores(records: Sequence[MeasuredPhoto]) -> SeverityScores:
    """Scores of the records of one method on one data set."""
    rows = list(records)
    measured = [r for r in rows if r.area is not None and r.area_true is not None]
    true, area = (np.array([getattr(r, name) for r in measured]) for name in ("area_true", "area"))
    return SeverityScores(
        n=len(rows),
        measured=len(measured),
        leaf_iou=_estimate(leaf_iou, [r for r in rows if r.leaf_known]),
        symptom_iou=_estimate(symptom_iou, rows),
        concordance=_estimate(_concordance, measured),
        mae=_estimate(_mae, measured),
        coverage=_estimate(_coverage, [r for r in measured if r.low is not None]),
        limits=limits_of_agreement(true, area),
    )


def iou_difference(first: Sequence[MeasuredPhoto], second: Sequence[MeasuredPhoto]) -> Estimate:
    """Symptom IoU of the second method minus that of the first, paired by photo.

    Raises:
        ValueError: they are not of the same photos.
    """
    by_path = {record.path: record for record in second}
    if sorted(by_path) != sorted(record.path for record in first):
        raise ValueError("the methods were not measured on the same photos")
    pairs = [(record, by_path[record.path]) for record in first]

    def difference(rows: np.ndarray) -> float | None:
        one, other = (symptom_iou([pairs[i][side] for i in rows]) for side in (0, 1))
        return None if one is None or other is None else other - one

    return Estimate(difference(np.arange(len(pairs))), bootstrap_interval(difference, len(pairs)))


def leaf_iou(records: list[MeasuredPhoto]) -> float | None:
    """Intersection over union of the leaf, pooled over the pixels of all photos."""
    return _pooled(records, "leaf")


def symptom_iou(records: list[MeasuredPhoto]) -> float | None:
    """Intersection over union of symptoms, pooled over the pixels of all photos."""
    return _pooled(records, "symptom")


def _pooled(records: list[MeasuredPhoto], what: str) -> float | None:
    fields = [f"{what}_{part}" for part in ("true", "predicted", "both")]
    return pooled_iou(np.array([[getattr(r, field) for field in fields] for r in records], dtype=np.int64))


def _concordance(records: list[MeasuredPhoto]) -> float | None:
    return lins_concordance(*(np.array([getattr(r, name) for r in records]) for name in ("area_true", "area")))


def _mae(records: list[MeasuredPhoto]) -> float | None:
    return float(np.mean([abs(r.area - r.area_true) for r in records])) if records else None  # type: ignore[operator]


def _coverage(records: list[MeasuredPhoto]) -> float | None:
    inside = [r.low <= r.area_true <= r.high for r in records]  # type: ignore[operator]
    return float(np.mean(inside)) if records else None


def _estimate(statistic: Statistic, records: list[MeasuredPhoto]) -> Estimate:
    if not records:
        return Estimate(None, None)
    interval = bootstrap_interval(lambda rows: statistic([records[i] for i in rows]), len(records))
    return Estimate(statistic(records), interval)
