"""Prediction sets at other error levels: coverage against set size, without running the model."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.calibration import fit_conformal, prediction_set
from hvit.runs.model_card import ConformalRecord, DetectorRecord
from hvit.runs.predictions import Predictions
from hvit.scoring.distances import Distances
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import wilson
from hvit.verdicts import at_least_two, conformal_sets

FOLDS = 5
LEVELS = tuple(k / 200 for k in range(1, 21)) + tuple(k / 100 for k in range(11, 21))  # 0.5 to 10 %, then to 20 %


@dataclass(frozen=True)
class SetScores:
    """Prediction sets on one group of photos; intervals are of 95 % (Wilson).

    Attributes:
        group: name of the data set or crop, or of all.
        n: photos.
        coverage: share whose set holds the true class.
        mean_size: classes in a set.
        single: share of sets with one class, which name the photo.
        single_correct: share of those whose class is the true one; None where there is none.
    """

    group: str
    n: int
    coverage: float
    coverage_ci: Interval
    mean_size: float
    single: float
    single_correct: float | None


def score_sets(sets: np.ndarray, labels: np.ndarray, group: str = "all") -> SetScores:
    """Coverage and size of prediction sets.

    Args:
        sets: (N, K) bool.
        labels: (N,).
    Raises:
        ValueError: there are no photos.
    """
    n = len(labels)
    if not n:
        raise ValueError(f"no photos to measure prediction sets on in {group}")
    covered, size = sets[np.arange(n), labels], sets.sum(1)
    hits, single = int(covered.sum()), size == 1
    correct = float(covered[single].mean()) if single.any() else None
    return SetScores(group, n, hits / n, wilson(hits, n), float(size.mean()), float(single.mean()), correct)


def score_sets_by_group(sets: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> list[SetScores]:
    """`score_sets` of each group, by name."""
    return [score_sets(sets[rows], labels[rows], str(g)) for g in np.unique(groups) if (rows := groups == g).any()]


def folds_of(sha256: Sequence[str], folds: int = FOLDS) -> np.ndarray:
    """Fold of each photo, (N,), by its content hash: copies share a fold, and folds are reproducible."""
    return np.array([zlib.crc32(name.encode()) % folds for name in sha256], dtype=int)


def supported_levels(n: int, levels: Sequence[float] = LEVELS, folds: int = FOLDS) -> list[float]:
    """Error levels at which thresholds from n photos minus one fold do not need sets of every class."""
    fewest = n * (folds - 1) / folds
    return [level for level in levels if level * (fewest + 1) >= 1]


def cross_fitted_sets(probs: np.ndarray, labels: np.ndarray, folds: np.ndarray, alpha: float) -> np.ndarray:
    """Out-of-fold prediction sets (N, K) bool at an error level.

    Args:
        probs: calibrated, (N, K).
        folds: fold number of each photo, (N,); two different ones at least.
    Raises:
        ValueError: there is one fold only, or `alpha` is outside (0, 1).
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ValueError(f"prediction sets are cross-fitted over {len(numbers)} fold, expected 2 or more")
    sets = np.zeros(probs.shape, dtype=bool)
    for fold in numbers:
        inside = folds == fold
        sets[inside] = prediction_set(probs[inside], fit_conformal(probs[~inside], labels[~inside], alpha))
    return sets


def near_limit(sha256: Sequence[str], distances: Distances | None, ood: DetectorRecord | None) -> np.ndarray | None:
    """Photos between the two thresholds of a detector, whose sets have at least two classes, (N,) bool.

    Args:
        sha256: of the photos.
        distances: recorded for them, see `hvit.scoring.distances`.
        ood: `ood` of model.json.
    Returns:
        None where the run has no second threshold, or the distance of a photo is not recorded.
    """
    if ood is None or ood.unsure_threshold is None or distances is None:
        return None
    score_of = dict(zip(distances.sha256.tolist(), distances.score.tolist()))
    if any(name not in score_of for name in sha256):
        return None
    scores = np.array([score_of[name] for name in sha256])
    return (scores > ood.unsure_threshold) & (scores <= ood.threshold)


def sets_at_level(predictions: Predictions, alpha: float, keep_two: np.ndarray | None = None) -> np.ndarray:
    """Prediction sets (N, K) bool at an error level, cross-fitted over the recorded photos.

    Args:
        keep_two: photos whose set holds two classes at least, see `near_limit`.
    """
    sets = cross_fitted_sets(predictions.probs, predictions.labels, folds_of(predictions.sha256), alpha)
    return sets if keep_two is None else at_least_two(sets, predictions.probs, keep_two)


def served_sets(
    predictions: Predictions, conformal: ConformalRecord | None, keep_two: np.ndarray | None = None
) -> np.ndarray | None:
    """Prediction sets (N, K) bool with the thresholds of the run; None for a run without any.

    Args:
        conformal: of model.json.
        keep_two: see `sets_at_level`.
    """
    if conformal is None:
        return None
    sets = conformal_sets(predictions.probs, predictions.classes, conformal)
    return sets if keep_two is None else at_least_two(sets, predictions.probs, keep_two)


def level_curve(predictions: Predictions, keep_two: np.ndarray | None = None) -> list[tuple[float, SetScores]]:
    """`score_sets` at every level of `LEVELS` that so many photos support, the strictest first."""
    if len(np.unique(folds_of(predictions.sha256))) < 2:
        return []
    return [
        (alpha, score_sets(sets_at_level(predictions, alpha, keep_two), predictions.labels))
        for alpha in supported_levels(len(predictions))
    ]
