"""Paired comparison of two seed groups on the same photos: gains with intervals, and McNemar's test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.predictions import Predictions, align_labels, read_predictions, shared_photos
from hvit.scoring.metrics import macro_f1

RESAMPLES, RESAMPLES_OF_F1 = 4000, 1000
OUTCOMES = ("both_right", "only_first_right", "only_second_right", "both_wrong_alike", "both_wrong_differently")


@dataclass(frozen=True)
class Gain:
    """Gain of a second group over a first.

    Attributes:
        first, second: mean over the runs of each.
        first_ci, second_ci: their 95 % intervals.
        gain: second - first.
        low, high: 95 % interval of the gain.
        runs: pairs of runs.
        photos: shared by all runs.
    """

    first: float
    first_ci: tuple[float, float]
    second: float
    second_ci: tuple[float, float]
    gain: float
    low: float
    high: float
    runs: int
    photos: int


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test of the accuracies of two runs.

    Attributes:
        only_first, only_second: how many those are.
        p: probability of a split at least as uneven if both were equally good; two-sided and exact.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Exact McNemar test (1947) on the predictions of two runs for the same photos.

    Photos that both predict correctly, or both wrongly, carry no information; under the null hypothesis the others fall
    to either side with probability 1/2.

    Args:
        first, second: whether each photo is predicted correctly, (N,) bool.
    Raises:
        ValueError: the two differ in length.
    """
    from scipy.stats import binomtest

    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"predictions of {len(first)} and of {len(second)} photos cannot be paired")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    p = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    return McNemar(only_first, only_second, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values (Holm 1979), in the given order.

    The smallest is multiplied by their number m, the next by m - 1, and so on; none falls below one before it, and
    none exceeds 1. Below 0.05 after this, the chance of even one false finding among all is at most 5 %.
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(1.0, largest)
    return corrected


def outcomes(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Outcome of each photo for two runs: indices of `OUTCOMES`, (N,).

    Args:
        labels, first, second: class numbers, (N,) each.
    """
    first_right, second_right = first == labels, second == labels
    cases = [first_right & second_right, first_right, second_right, first == second]
    return np.select(cases, range(4), default=4)


def paired_gain(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Gain:
    """Gain in accuracy of the second group over the first, with a bootstrap interval over runs and photos.

    Args:
        first, second: whether each run predicts each photo correctly, (R, N) bool; pair r shares its seed, column n its
            photo.
        seed: of the bootstrap, which resamples pairs of runs and photos. With few runs it underestimates the variance
            between seeds, so report at least three pairs.
    Raises:
        ValueError: the two do not hold the same runs and photos.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(
            f"predictions of shape {first.shape} and {second.shape} cannot be paired; expected (R, N) twice"
        )
    R, N = first.shape
    draws = [
        (first[runs].mean(0)[photos].mean(), second[runs].mean(0)[photos].mean()) for runs, photos in _draws(R, N, seed)
    ]
    return _gain(first.mean(), second.mean(), np.array(draws), R, N)


def paired_f1_gain(labels: np.ndarray, first: np.ndarray, second: np.ndarray, seed: int = 0) -> Gain:
    """Gain in macro-F1, which is not a mean over photos, with a bootstrap interval over runs and photos.

    Args:
        labels: class numbers, (N,).
        first, second: predicted classes of each run, (R, N); pair r shares its seed.
    Raises:
        ValueError: the two do not hold the same runs and photos.
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[1:] != labels.shape or not labels.size:
        raise ValueError(
            f"predictions of shape {first.shape} and {second.shape} cannot be paired on {labels.shape} photos"
        )
    R, N = first.shape
    K = int(max(labels.max(), first.max(), second.max())) + 1

    def mean_f1(answers: np.ndarray, photos: np.ndarray) -> float:
        return float(np.mean([macro_f1(labels[photos], answer[photos], K) for answer in answers]))

    whole = np.arange(N)
    draws = [
        (mean_f1(first[runs], photos), mean_f1(second[runs], photos))
        for runs, photos in _draws(R, N, seed, RESAMPLES_OF_F1)
    ]
    return _gain(mean_f1(first, whole), mean_f1(second, whole), np.array(draws), R, N)


def compare_runs(first: list[Run], second: list[Run], split: str = "test") -> tuple[Gain, Gain]:
    """Gains in top-1 and macro-F1 of the second runs over the first, from their recorded predictions.

    Raises:
        ValueError: the numbers of runs or their seeds differ, a run has no predictions, or the photos are not the same.
    """
    seeds = [[run.info.seed for run in runs] for runs in (first, second)]
    if seeds[0] != seeds[1]:
        raise ValueError(f"runs are paired by seed, in order: the first have seeds {seeds[0]}, the second {seeds[1]}")
    predictions = [_predictions(run, split) for run in first + second]
    rows = shared_photos(predictions)
    for each in predictions:
        if len(each) != len(rows[0]) or len(each) != len(predictions[0]):
            raise ValueError(
                f"run {each.run} was evaluated on other photos than {first[0].name}; evaluate both on the same data"
            )
    truth, predicted = align_labels(predictions, rows)
    one, other = np.stack(predicted[: len(first)]), np.stack(predicted[len(first) :])
    return paired_gain(one == truth, other == truth), paired_f1_gain(truth, one, other)


def _predictions(run: Run, split: str) -> Predictions:
    predictions = read_predictions(run, split)
    if predictions is None:
        raise RunError(f"run {run.name} has no predictions on {split}; record them: hvit evaluate --save")
    return predictions


def _draws(R: int, N: int, seed: int, count: int = RESAMPLES) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Bootstrap resamples of pairs of runs and of photos."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield rng.integers(0, R, R), rng.integers(0, N, N)


def _gain(first: float, second: float, draws: np.ndarray, R: int, N: int) -> Gain:
    """Gain from the two values of every resample, (count, 2)."""
    columns = (draws[:, 0], draws[:, 1], draws[:, 1] - draws[:, 0])
    first_ci, second_ci, (low, high) = (_quantiles(column) for column in columns)
    return Gain(float(first), first_ci, float(second), second_ci, float(second - first), low, high, R, N)


def _quantiles(draws: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of resampled values."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
