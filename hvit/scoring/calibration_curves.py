"""Calibration of predicted probabilities with bootstrap intervals, for all photos and for each data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.inspection.balance import source_of
from hvit.scoring.intervals import RESAMPLES, Interval
from hvit.scoring.metrics import NUM_BINS, brier, ece, nll

VALUES_AT_ONCE = 4_000_000  # bounds memory: 32 MB a block of resamples


@dataclass(frozen=True)
class CalibrationScores:
    """Calibration on one group of photos; intervals are of 95 %, by the bootstrap over photos.

    Attributes:
        group: name of the data set, or of all.
        n: photos.
        accuracy: top-1.
        confidence: mean probability of the most likely class.
        ece: expected calibration error, bins of equal mass.
        ece_expected: mean ECE of a perfectly calibrated model on as many photos: binning alone makes
            ECE larger than 0.
        nll: mean negative log-likelihood, nats.
        brier: summed over classes, in [0, 2].
    """

    group: str
    n: int
    accuracy: float
    confidence: float
    ece: float
    ece_ci: Interval
    ece_expected: float
    nll: float
    nll_ci: Interval
    brier: float
    brier_ci: Interval


def score_calibration(
    probs: np.ndarray, labels: np.ndarray, group: str = "all", num_bins: int = NUM_BINS, seed: int = 0
) -> CalibrationScores:
    """ECE, NLL and Brier score of calibrated probabilities, each with its interval.

    The bootstrap shifts ECE upwards, as it adds the noise of a second sample; its interval is moved back by that bias,
    estimated as the mean of the resamples less the value itself (Efron & Tibshirani 1993, section 10.2).

    Args:
        probs: (N, K), rows sum to 1.
        labels: (N,).
        seed: of the resampling.
    Raises:
        ValueError: there are no photos.
    """
    if not len(labels):
        raise ValueError(f"no photos to measure calibration on in {group}")
    order = np.argsort(probs.max(1), kind="stable")
    probs, labels = probs[order], labels[order]
    confidence, correct = probs.max(1), probs.argmax(1) == labels
    losses = -np.log(np.maximum(probs[np.arange(len(labels)), labels], 1e-12))
    squares = (probs**2).sum(1) - 2 * probs[np.arange(len(labels)), labels] + 1
    rng, drawn = np.random.default_rng(seed), []
    for rows in sorted_resamples(len(labels), rng):
        errors = _ece_of_sorted(confidence[rows], correct[rows], num_bins)
        drawn.append(np.stack([errors, losses[rows].mean(1), squares[rows].mean(1)]))
    eces, nlls, briers = np.concatenate(drawn, axis=1)
    error = ece(probs, labels, num_bins)
    return CalibrationScores(
        group=group,
        n=len(labels),
        accuracy=float(correct.mean()),
        confidence=float(confidence.mean()),
        ece=error,
        ece_ci=_percentiles(np.maximum(eces - (eces.mean() - error), 0)),
        ece_expected=_ece_if_calibrated(confidence, num_bins, rng),
        nll=nll(probs, labels),
        nll_ci=_percentiles(nlls),
        brier=brier(probs, labels),
        brier_ci=_percentiles(briers),
    )


def score_calibration_by_group(probs: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> list[CalibrationScores]:
    """`score_calibration` of all photos first, then of each group by name, where there are several."""
    scores, names = [score_calibration(probs, labels)], np.unique(groups)
    if len(names) > 1:
        scores += [score_calibration(probs[rows], labels[rows], str(n)) for n in names if (rows := groups == n).any()]
    return scores


def data_sets_of(paths: Sequence[str]) -> np.ndarray:
    """Data set name of each recorded path, (N,) text."""
    return np.array([source_of(path) for path in paths], dtype=str)


def sorted_resamples(n: int, rng: np.random.Generator, count: int = RESAMPLES) -> Iterator[np.ndarray]:
    """Bootstrap resamples of n sorted rows in blocks (B, n), each in ascending order."""
    size = max(1, VALUES_AT_ONCE // n)
    for start in range(0, count, size):
        yield np.sort(rng.integers(0, n, (min(size, count - start), n)), axis=1)


def _ece_of_sorted(confidence: np.ndarray, correct: np.ndarray, num_bins: int) -> np.ndarray:
    """ECE of each row of (B, N), sorted by confidence; bins as of `np.array_split`."""
    n = confidence.shape[1]
    sizes = [len(part) for part in np.array_split(np.arange(n), num_bins) if len(part)]
    starts = np.cumsum([0, *sizes[:-1]])
    gaps = np.add.reduceat(confidence - correct, starts, axis=1)
    return np.abs(gaps).sum(1) / n


def _ece_if_calibrated(confidence: np.ndarray, num_bins: int, rng: np.random.Generator) -> float:
    """Mean ECE of a perfectly calibrated model: each photo is correct with exactly its confidence."""
    drawn = []
    size = max(1, VALUES_AT_ONCE // len(confidence))
    for start in range(0, RESAMPLES, size):
        hits = rng.random((min(size, RESAMPLES - start), len(confidence))) < confidence
        drawn.append(_ece_of_sorted(np.broadcast_to(confidence, hits.shape), hits, num_bins))
    return float(np.concatenate(drawn).mean())


def _percentiles(drawn: np.ndarray) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
