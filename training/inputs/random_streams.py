"""Random numbers that are a pure function of (seed, sample), so that ranks, workers and resumes change nothing."""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele et al. 2014), on uint64 with wrap-around."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, indices: np.ndarray, count: int, stream: int) -> np.ndarray:
    """Uniform numbers for samples.

    Args:
        seed: of the run.
        indices: global sample numbers, (B,).
        count: numbers a sample.
        stream: separates uses: the same sample in two streams gets unrelated numbers.
    Returns:
        (B, count) float64 in [0, 1).
    """
    with np.errstate(over="ignore"):
        start = _mix(np.uint64(seed) * _GOLDEN + np.uint64(stream) + np.uint64(1))
        states = _mix(start ^ _mix(np.asarray(indices, dtype=np.uint64) + _GOLDEN))
        counters = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        return (_mix(states[:, None] + counters[None]) >> np.uint64(11)).astype(np.float64) / 2**53
