"""Prediction intervals of a lesion area: split conformal prediction on a variance-stabilized scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.untrusted.fields import integer, list_of, number

ALPHA = 0.1  # 90 % intervals
EDGES = (0.01, 0.05, 0.2)  # predicted areas between which the interval width is calibrated on its own
LEAST_IN_BIN = 60  # calibration photos; smaller bins share one width
_FIELDS = {
    "edges": list_of(number(0, 1), "numbers from 0 to 1").needed(),
    "half_widths": list_of(number(0, 2), "numbers from 0 to 2").needed(),
    "n": list_of(integer(1), "counts").needed(),
}
CONFIDENCE = 0.9  # of the coverage of groups smaller than that


def stabilized(area: np.ndarray | float) -> np.ndarray:
    """Variance-stabilizing transform of a share: arcsin(sqrt(area))."""
    scaled: np.ndarray = np.arcsin(np.sqrt(np.clip(area, 0.0, 1.0)))
    return scaled


@dataclass(frozen=True)
class AreaIntervals:
    """90 % prediction intervals of a lesion share, by bins of the predicted share.

    Attributes:
        edges: of the bins of predicted area, rising, inside (0, 1).
        half_widths: one more than edges, on the scale of `stabilized`.
        n: calibration photos of each bin.
    """

    edges: tuple[float, ...]
    half_widths: tuple[float, ...]
    n: tuple[int, ...]

    @classmethod
    def fit(cls, predicted: np.ndarray, true: np.ndarray, alpha: float = ALPHA) -> "AreaIntervals":
        """Split conformal prediction with the score |g(true) - g(predicted)| in bins of predicted area.

        Bins with fewer than `LEAST_IN_BIN` photos are joined with the next. With too few photos in all (under 22 for
        alpha 0.1) the interval is [0, 1]: no narrower one is guaranteed (Angelopoulos & Bates 2021, arXiv:2107.07511).

        Args:
            predicted, true: lesion shares of calibration photos, (N,).
        Raises:
            ValueError: there are no photos, or a share is not in [0, 1].
        """
        predicted, true = np.asarray(predicted, dtype=float), np.asarray(true, dtype=float)
        if len(predicted) == 0:
            raise ValueError("no photos to calibrate area intervals on")
        if not all(((v >= 0) & (v <= 1)).all() for v in (predicted, true)):
            raise ValueError("areas must be shares in [0, 1]")
        scores = np.abs(stabilized(true) - stabilized(predicted))
        edges = _joined_edges(predicted)
        bins = np.digitize(predicted, edges)
        parts = [scores[bins == b] for b in range(len(edges) + 1)]
        widths = tuple(conformal_quantile(part, alpha) for part in parts)
        return cls(tuple(edges), widths, tuple(map(len, parts)))

    def interval(self, predicted: float) -> tuple[float, float]:
        """Interval around a predicted share, within [0, 1]."""
        width = self.half_widths[int(np.digitize(predicted, self.edges))]
        middle = float(stabilized(predicted))
        low, high = max(0.0, middle - width), min(math.pi / 2, middle + width)
        return math.sin(low) ** 2, math.sin(high) ** 2

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"edges": list(self.edges), "half_widths": list(self.half_widths), "n": list(self.n)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "AreaIntervals":
        """Reads the output of `to_dict`.

        Raises:
            ValueError: it is damaged.
        """
        damaged = [name for name, field in _FIELDS.items() if not field(values.get(name))]
        edges, widths, n = ([] if damaged else values[name] for name in _FIELDS)
        if damaged or not len(edges) + 1 == len(widths) == len(n) or sorted(set(edges)) != edges:
            expected = "edges that rise inside (0, 1), and one half-width from 0 to 2 and one count for each bin"
            raise ValueError(f"area intervals {values!r:.100}; expected {expected}")
        return cls(tuple(edges), tuple(widths), tuple(n))


def widest(groups: Sequence[AreaIntervals], predicted: float) -> tuple[float, float]:
    """Union of the intervals of several groups, for crops without a group of their own."""
    bounds = [group.interval(predicted) for group in groups]
    return min(low for low, _ in bounds), max(high for _, high in bounds)


def conformal_quantile(scores: np.ndarray, alpha: float) -> float:
    """Score that a new one stays below with probability 1 - alpha; pi / 2, the whole scale, where n is too small.

    From `LEAST_IN_BIN` scores on it is the ceil((n + 1) (1 - alpha))-th smallest, which holds on average over
    calibration sets. Of fewer, the average says little about the one set at hand: there the rank holds 1 - alpha with a
    confidence of `CONFIDENCE` over calibration sets (a tolerance limit: Wilks 1941; Vovk 2012, arXiv:1209.2673).

    >>> conformal_quantile(np.arange(1.0, 44.0), 0.1)  # the 42nd of 43; the 40th would hold on average
    42.0
    """
    n = len(scores)
    rank = math.ceil((n + 1) * (1 - alpha))
    if n < LEAST_IN_BIN:
        from scipy.stats import binom  # half a second, which only calibration waits for

        rank = 1 + int(binom.ppf(CONFIDENCE, n, 1 - alpha))
    return math.pi / 2 if rank > n else float(np.sort(scores)[rank - 1])


def _joined_edges(predicted: np.ndarray) -> list[float]:
    edges: list[float] = []
    begin = 0.0
    for edge in EDGES:
        inside = int(((predicted >= begin) & (predicted < edge)).sum())
        if inside >= LEAST_IN_BIN and int((predicted >= edge).sum()) >= LEAST_IN_BIN:
            edges.append(edge)
            begin = edge
    return edges
