"""Whether one way of training is better than another, from answers on the same photos."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 4000


@dataclass(frozen=True)
class Gain:
    """How much better the second way is.

    Attributes:
        first, second: mean accuracy over the runs of each.
        gain: second - first.
        low, high: 95 % interval of the gain.
        runs: pairs of runs.
        photos: that all of them answered.
    """

    first: float
    second: float
    gain: float
    low: float
    high: float
    runs: int
    photos: int


def paired_gain(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Gain:
    """The gain in accuracy of the second way over the first, with what both runs and photos leave uncertain.

    Args:
        first, second: whether each run answered each photo rightly, (R, N) bool; pair r shares its seed, column n its
            photo.
        seed: of the bootstrap, which draws pairs of runs and photos again, both with replacement. With few runs it
            understates what other seeds may bring: three pairs are the least worth reporting.
    Raises:
        ValueError: the two do not hold the same runs and photos.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"answers of {first.shape} and {second.shape} cannot be paired; expected (R, N) twice")
    difference = second - first
    R, N = difference.shape
    rng = np.random.default_rng(seed)
    gains = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        of_photo = difference[rng.integers(0, R, R)].mean(0)
        gains[i] = of_photo[rng.integers(0, N, N)].mean()
    low, high = np.quantile(gains, [0.025, 0.975])
    return Gain(first.mean(), second.mean(), difference.mean(), float(low), float(high), R, N)
