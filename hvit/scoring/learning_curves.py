"""Learning curves: logged metrics, smoothed, with mean and range over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

AXES = ("step", "epoch", "time_s")
MARKS = {"step", "epoch", "split", "time_s"}  # keys of a row that are not metrics


@dataclass(frozen=True)
class Curve:
    """A metric of one run: `x` is increasing, `y` is finite."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Band:
    """Several curves on the common part of their axis.

    Attributes:
        x: (n,).
        values: of each curve at x, (R, n).
    """

    x: np.ndarray
    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the curves, (n,)."""
        mean: np.ndarray = self.values.mean(0)
        return mean

    @property
    def low(self) -> np.ndarray:
        """Smallest of the curves, (n,)."""
        low: np.ndarray = self.values.min(0)
        return low

    @property
    def high(self) -> np.ndarray:
        """Largest of the curves, (n,)."""
        high: np.ndarray = self.values.max(0)
        return high


def logged(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """All logged (split, metric) pairs with numeric values, in order of first appearance."""
    found: dict[tuple[str, str], None] = {}
    for row in rows:
        for name, value in row.items():
            if name not in MARKS and _is_number(value):
                found[str(row.get("split")), name] = None
    return list(found)


def curve(rows: Sequence[dict[str, Any]], split: str, metric: str, axis: str = "step") -> Curve:
    """A metric along an axis; rows without the metric or the axis value are skipped.

    Args:
        rows: of `metrics.jsonl`.
        axis: one of `AXES`.
    """
    points = [
        (row[axis], row[metric])
        for row in rows
        if row.get("split") == split and _is_number(row.get(metric)) and _is_number(row.get(axis))
    ]
    points.sort(key=lambda point: point[0])
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    return Curve(x, y)


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Bias-corrected exponential moving average, (n,) -> (n,).

    Args:
        values: (n,).
        weight: decay of previous values, in [0, 1); 0 returns the values unchanged.
    Raises:
        ValueError: `weight` is outside [0, 1).
    Source: the smoothing of TensorBoard's scalar charts, with the correction of Kingma & Ba 2015, section 3.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"the weight of smoothing is {weight}, expected a number from 0 to below 1")
    out, average = np.empty(len(values)), 0.0
    for i, value in enumerate(values):
        average = weight * average + (1 - weight) * value
        out[i] = average / (1 - weight ** (i + 1))
    return out


def band(curves: Sequence[Curve]) -> Band | None:
    """Interpolates several curves at common positions; None where their axes do not overlap."""
    curves = [c for c in curves if len(c)]
    if not curves:
        return None
    first, last = max(c.x[0] for c in curves), min(c.x[-1] for c in curves)
    x = np.unique(np.concatenate([c.x for c in curves]))
    x = x[(x >= first) & (x <= last)]
    if not len(x):
        return None
    return Band(x, np.stack([np.interp(x, c.x, c.y) for c in curves]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
