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
from hvit.scoring.concordance import LimitsOfAgreement, concordance_correlation, limits_of_agreement
from hvit.scoring.intervals import RESAMPLES, Interval, bootstrap_interval
from hvit.scoring.segmentation import pooled_iou
from hvit.severity.records import MeasuredPhoto, records_of

Statistic = Callable[[np.ndarray], float | None]  # of the photos with these numbers


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


def remove_measured_photos(run_dir: Path, split: str) -> None:
    """Removes eval/<split>/severity.parquet of a run, if it is there, and its entry in the manifest."""
    name = in_split(split, SEVERITY)
    if (run_dir / name).exists():
        (run_dir / name).unlink()
        record_results(run_dir, {}, [name])


def severity_scores(records: Sequence[MeasuredPhoto], resamples: int = RESAMPLES) -> SeverityScores:
    """Scores of one method on one data set.

    Args:
        resamples: of the bootstrap; 0 for no intervals.
    """
    rows = list(records)
    measured = [r for r in rows if r.area is not None and r.area_true is not None]
    true, area = _floats(measured, "area_true"), _floats(measured, "area")
    bounded = [r for r in measured if r.low is not None and r.high is not None]
    low, high, inside = (_floats(bounded, name) for name in ("low", "high", "area_true"))
    off, held = np.abs(area - true), (low <= inside) & (inside <= high)
    leaf, symptom = _counts([r for r in rows if r.leaf_known], "leaf"), _counts(rows, "symptom")

    def estimate(statistic: Statistic, n: int) -> Estimate:
        value = statistic(np.arange(n)) if n else None
        return Estimate(value, bootstrap_interval(statistic, n, 0, resamples) if resamples else None)

    return SeverityScores(
        n=len(rows),
        measured=len(measured),
        leaf_iou=estimate(lambda i: pooled_iou(leaf[i]), len(leaf)),
        symptom_iou=estimate(lambda i: pooled_iou(symptom[i]), len(symptom)),
        concordance=estimate(lambda i: concordance_correlation(true[i], area[i]), len(measured)),
        mae=estimate(lambda i: float(off[i].mean()), len(measured)),
        coverage=estimate(lambda i: float(held[i].mean()), len(bounded)),
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
    one, other = _counts(first, "symptom"), _counts([by_path[record.path] for record in first], "symptom")

    def difference(rows: np.ndarray) -> float | None:
        before, after = pooled_iou(one[rows]), pooled_iou(other[rows])
        return None if before is None or after is None else after - before

    return Estimate(difference(np.arange(len(one))), bootstrap_interval(difference, len(one)))


def _counts(records: Sequence[MeasuredPhoto], what: str) -> np.ndarray:
    """True, predicted and shared pixels of "leaf" or "symptom", (N, 3)."""
    fields = [f"{what}_{part}" for part in ("true", "predicted", "both")]
    return np.array([[getattr(r, field) for field in fields] for r in records], dtype=np.int64).reshape(-1, 3)


def _floats(records: Sequence[MeasuredPhoto], name: str) -> np.ndarray:
    return np.array([getattr(record, name) for record in records], dtype=float)
