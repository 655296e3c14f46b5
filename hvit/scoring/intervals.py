"""Bootstrap confidence intervals of scores: resamples photos, and runs where there are several."""

from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 1000
Interval = tuple[float, float]


def accuracy_interval(right: np.ndarray, seed: int = 0) -> Interval:
    """95 % interval of the mean accuracy of several runs on the same photos; runs and photos are resampled.

    >>> accuracy_interval(np.ones((1, 20), dtype=bool))
    (1.0, 1.0)

    Args:
        right: whether each run predicted the class of each photo correctly, (R, N) bool.
        seed: of the resampling.
    """
    right = np.asarray(right, dtype=float)
    R, N = right.shape
    draws = [right[runs].mean(0)[photos].mean() for runs, photos in _draws(R, N, seed)]
    return _interval(np.array(draws))


def f1_resamples(labels: np.ndarray, predicted: np.ndarray, num_classes: int, seed: int = 0) -> np.ndarray:
    """F1 of each class in each bootstrap resample, (RESAMPLES, K); NaN where a resample has no photo of the class.

    Args:
        labels: class numbers, (N,).
        predicted: predicted classes of each run, (R, N); F1 is the mean over the resampled runs.
        num_classes: K.
        seed: of the resampling.
    """
    R, N = predicted.shape
    rows = []
    for runs, photos in _draws(R, N, seed):
        true = labels[photos]
        n = np.bincount(true, minlength=num_classes)
        scores = []
        for run in runs:
            named = predicted[run, photos]
            right = np.bincount(true[named == true], minlength=num_classes)
            total = n + np.bincount(named, minlength=num_classes)
            scores.append(np.where(n > 0, 2 * right / np.maximum(total, 1), np.nan))
        rows.append(np.mean(scores, axis=0))
    return np.array(rows)


def macro_f1_interval(draws: np.ndarray) -> Interval:
    """95 % interval of macro-F1 from `f1_resamples`."""
    return _interval(np.nanmean(draws, axis=1))


def class_f1_intervals(draws: np.ndarray) -> list[Interval | None]:
    """95 % interval of each class's F1 from `f1_resamples`; None for a class that no resample contains."""
    return [_interval(column[~np.isnan(column)]) if not np.isnan(column).all() else None for column in draws.T]


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float | None], num_photos: int, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """95 % percentile bootstrap interval of a statistic of photos.

    Args:
        statistic: of the photos with these numbers, (N,) with repeats; None where it is undefined.
        num_photos: N.
        seed: of the resampling.
        resamples: number of resamples.
    Returns:
        None where the statistic is undefined in more than a twentieth of the resamples.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.integers(0, num_photos, num_photos)) for _ in range(resamples)] if num_photos else []
    values = np.array([value for value in drawn if value is not None], dtype=float)
    return _interval(values) if len(values) > 0.95 * resamples else None


def _draws(R: int, N: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rng.integers(0, R, R), rng.integers(0, N, N)


def _interval(draws: np.ndarray) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
