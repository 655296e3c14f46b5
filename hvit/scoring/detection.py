"""Detection of unknown photos by a score: acceptance rates at a threshold, and AUROC."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.unknown_kinds import KNOWN
from hvit.scoring.distances import Distances
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import Z_95, wilson


@dataclass(frozen=True)
class Detection:
    """Acceptance of one data set and kind at a threshold; intervals are of 95 %.

    Attributes:
        data: name of the data set; "" for all of a kind.
        kind: `known`, or a kind of unknown.
        n: photos.
        accepted: share with a score up to the threshold.
        accepted_ci: Wilson.
        named: share accepted and given one class alone: for an unknown photo a wrong name.
        auroc: chance that a photo of this kind scores above a known one; None for known photos.
        auroc_ci: DeLong.
    """

    data: str
    kind: str
    n: int
    accepted: float
    accepted_ci: Interval
    named: float
    auroc: float | None
    auroc_ci: Interval | None


def auroc(known: np.ndarray, unknown: np.ndarray) -> tuple[float, Interval]:
    """Area under the ROC curve of a score that should be higher for unknown photos, with DeLong's 95 % interval.

    >>> auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0]))[0]
    1.0

    Args:
        known, unknown: scores, (M,) and (N,); ties count as half.
    Returns:
        The area and its interval (DeLong et al. 1988), within [0, 1].
    Raises:
        ValueError: there are no scores of one kind.
    """
    if not len(known) or not len(unknown):
        raise ValueError(f"AUROC of {len(known)} known and {len(unknown)} unknown photos, expected some of both")
    # placement of each photo among those of the other kind
    below = _share_below(np.sort(known), unknown)
    above = 1 - _share_below(np.sort(unknown), known)
    area = float(below.mean())
    variance = _variance(below) / len(unknown) + _variance(above) / len(known)
    half = Z_95 * float(np.sqrt(variance))
    return area, (max(0.0, area - half), min(1.0, area + half))


def _share_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return (left + right) / (2 * len(ordered))


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def detect(distances: Distances, threshold: float, unsure_threshold: float | None, by_data: bool) -> list[Detection]:
    """Acceptance and naming rates at a threshold, of known photos first, then of each kind of unknown.

    Args:
        threshold: the largest score that is accepted.
        unsure_threshold: the largest score that may be named; None: the threshold.
        by_data: one row a data set and kind, else one a kind.
    """
    known = distances.score[distances.is_known]
    limit = threshold if unsure_threshold is None else min(threshold, unsure_threshold)
    accepted = distances.score <= threshold
    named = (distances.score <= limit) & (distances.set_size == 1)
    rows = []
    for data, kind in _groups(distances, by_data):
        inside = (distances.kind == kind) & ((distances.data == data) if data else True)
        n, hits = int(inside.sum()), int(accepted[inside].sum())
        area, interval = (None, None) if kind == KNOWN or not len(known) else auroc(known, distances.score[inside])
        rows.append(Detection(data, kind, n, hits / n, wilson(hits, n), float(named[inside].mean()), area, interval))
    return rows


def _groups(distances: Distances, by_data: bool) -> list[tuple[str, str]]:
    data = distances.data if by_data else np.full(len(distances), "")
    pairs = {(str(d), str(k)) for d, k in zip(data, distances.kind)}
    return sorted(pairs, key=lambda pair: (pair[1] != KNOWN, pair[1], pair[0]))


def threshold_accepting(scores: np.ndarray, share: float) -> float:
    """The smallest threshold that accepts at least a share of photos.

    Raises:
        ValueError: `share` is outside (0, 1], or there are no scores.
    """
    if not 0 < share <= 1 or not len(scores):
        raise ValueError(f"share is {share} of {len(scores)} photos, expected a share above 0 of at least one")
    return float(np.sort(scores)[int(np.ceil(share * len(scores) - 1e-9)) - 1])


def accepted_curve(scores: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Share of photos with a score up to each threshold, (T,)."""
    return np.searchsorted(np.sort(scores), thresholds, side="right") / len(scores)
