"""Selective classification: error rate against coverage, the share of photos answered."""

from dataclasses import dataclass

import numpy as np

from hvit.scoring.calibration_curves import sorted_resamples
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import wilson


@dataclass(frozen=True)
class RiskCoverage:
    """Risk-coverage curve (El-Yaniv & Wiener 2010): point k answers the k most confident photos.

    Attributes:
        coverage: share of photos answered, (N,), ascending to 1.
        risk: error rate among them, (N,).
        threshold: confidence of the least confident of them, (N,).
    """

    coverage: np.ndarray
    risk: np.ndarray
    threshold: np.ndarray


@dataclass(frozen=True)
class SelectiveScores:
    """Area under the risk-coverage curve (AURC, Geifman et al. 2019); lower is better.

    Attributes:
        aurc: mean risk over all coverages.
        aurc_ci: 95 %, bootstrap over photos.
        best: AURC of a ranking that puts every error last, at this number of errors.
        random: AURC of a ranking by chance: the error rate.
    """

    aurc: float
    aurc_ci: Interval
    best: float
    random: float


@dataclass(frozen=True)
class OperatingPoint:
    """Accuracy of the photos at or above a confidence threshold.

    Attributes:
        coverage: share of photos answered.
        n: how many those are.
        threshold: the lowest confidence among them.
        accuracy: None where no photo is answered.
    """

    coverage: float
    n: int
    threshold: float
    accuracy: float | None
    accuracy_ci: Interval | None


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> RiskCoverage:
    """Error rate among the most confident photos at every coverage.

    Photos of equal confidence share their errors evenly, so that the curve does not depend on their order.

    >>> curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]))
    >>> curve.risk.round(3).tolist()
    [0.0, 0.0, 0.333, 0.25]

    Args:
        confidence: (N,).
        correct: (N,) bool.
    Raises:
        ValueError: there are no photos, or the lengths differ.
    """
    _check(confidence, correct)
    errors, ordered = _ranked_errors(confidence, correct)
    counts = np.arange(1, len(errors) + 1)
    return RiskCoverage(counts / len(errors), np.cumsum(errors) / counts, ordered)


def aurc(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Area under the risk-coverage curve: mean of the risks at 1, 2, ... N photos."""
    return float(risk_coverage(confidence, correct).risk.mean())


def score_selective(confidence: np.ndarray, correct: np.ndarray, seed: int = 0) -> SelectiveScores:
    """AURC with its interval, and its values for a perfect and for a random ranking."""
    _check(confidence, correct)
    errors, _ = _ranked_errors(confidence, correct)
    counts = np.arange(1, len(errors) + 1)
    resamples = sorted_resamples(len(errors), np.random.default_rng(seed))
    drawn = np.concatenate([(np.cumsum(errors[rows], axis=1) / counts).mean(1) for rows in resamples])
    low, high = np.quantile(drawn, [0.025, 0.975])
    last = np.maximum(0, counts - int(correct.sum()))  # errors among the first k, where all errors come last
    found = float((np.cumsum(errors) / counts).mean())
    return SelectiveScores(found, (float(low), float(high)), float((last / counts).mean()), float(1 - correct.mean()))


def operating_point(confidence: np.ndarray, correct: np.ndarray, threshold: float) -> OperatingPoint:
    """Accuracy and coverage at a confidence threshold."""
    _check(confidence, correct)
    answered = confidence >= threshold
    n = int(answered.sum())
    if not n:
        return OperatingPoint(0.0, 0, threshold, None, None)
    hits = int(correct[answered].sum())
    return OperatingPoint(n / len(correct), n, threshold, hits / n, wilson(hits, n))


def threshold_at(confidence: np.ndarray, coverage: float) -> float:
    """The largest confidence threshold with at least a share `coverage` of the photos.

    Raises:
        ValueError: `coverage` is outside (0, 1], or there are no photos.
    """
    if not 0 < coverage <= 1 or not len(confidence):
        raise ValueError(
            f"coverage is {coverage} of {len(confidence)} photos, expected a share above 0 of at least one"
        )
    count = int(np.ceil(coverage * len(confidence) - 1e-9))
    return float(np.sort(confidence)[::-1][count - 1])


def _ranked_errors(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors by decreasing confidence, averaged among ties, and the sorted confidences."""
    values, group = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(group)
    share = np.bincount(group, weights=~np.asarray(correct, dtype=bool)) / sizes
    return np.repeat(share, sizes), np.repeat(-values, sizes)


def _check(confidence: np.ndarray, correct: np.ndarray) -> None:
    if not len(confidence) or len(confidence) != len(correct):
        raise ValueError(f"{len(confidence)} confidences for {len(correct)} photos, expected one each of at least one")
