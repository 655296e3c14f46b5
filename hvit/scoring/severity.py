"""Scores of a severity estimate against masks, by data set and method, with bootstrap intervals."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.layout import SEVERITY, in_split
from hvit.runs.results import parquet_bytes, record_results
from hvit.scoring.concordance import LimitsOfAgreement, limits_of_agreement, lins_concordance
from hvit.scoring.intervals import RESAMPLES, Interval, bootstrap_interval
from hvit.scoring.segmentation import pooled_iou
from hvit.severity.records import MeasuredPhoto, records_of

Statistic = Callable[[list[MeasuredPhoto]], float | None]


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % bootstrap interval; both None where it is undefined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class SeverityScores:
    """Scores of one method on one data set.

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
    """Reads the recorded severity of photos with masks of a run; None where there is none.

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


def record_measured_photos(run_dir: Path, split: str, records: Sequence[MeasuredPhoto], about: dict[str, Any]) -> None:
    """Writes eval/<split>/severity.parquet of a run, and lists it in its manifest.

    Args:
        about: kept in the metadata of the file.
    """
    import pyarrow as pa

    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    kinds = get_type_hints(MeasuredPhoto)
    fields = [(name, types[next(k for k in (*get_args(kind), kind) if k in types)]) for name, kind in kinds.items()]
    schema = pa.schema(fields, {"hvit": json.dumps(about)})
    columns = {name: [getattr(record, name) for record in records] for name in schema.names}
    record_results(run_dir, {in_split(split, SEVERITY): parquet_bytes(pa.table(columns, schema))})


def severity_scores(records: Sequence[MeasuredPhoto], resamples: int = RESAMPLES) -> SeverityScores:
    """Scores of one method on one data set.

    Args:
        resamples: of the bootstrap; 0 for no intervals.
    """
    rows = list(records)
    measured = [r for r in rows if r.area is not None and r.area_true is not None]
    true, area = (np.array([getattr(r, name) for r in measured]) for name in ("area_true", "area"))
    return SeverityScores(
        n=len(rows),
        measured=len(measured),
        leaf_iou=_estimate(leaf_iou, [r for r in rows if r.leaf_known], resamples),
        symptom_iou=_estimate(symptom_iou, rows, resamples),
        concordance=_estimate(_concordance, measured, resamples),
        mae=_estimate(_mae, measured, resamples),
        coverage=_estimate(_coverage, [r for r in measured if r.low is not None], resamples),
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


def _estimate(statistic: Statistic, records: list[MeasuredPhoto], resamples: int) -> Estimate:
    if not records:
        return Estimate(None, None)
    if resamples == 0:
        return Estimate(statistic(records), None)
    interval = bootstrap_interval(lambda rows: statistic([records[i] for i in rows]), len(records), 0, resamples)
    return Estimate(statistic(records), interval)
