"""Weighted sampler: the photo of each global sample number, a pure function of the seed."""

import hashlib

import numpy as np

from training.config import Config
from training.inputs.random_streams import uniform

ORDER = 1000  # random stream
KEPT_EPOCHS = 3


class Sampler:
    """Weighted sampling over epochs, each with as many samples as there are photos.

    Each epoch takes a photo as often as its weight says, rounded up or down by systematic resampling: with equal
    weights that is every photo once. Sample g is the same on any number of ranks and after any resume.
    """

    def __init__(self, weights: np.ndarray, seed: int):
        self._shares = np.cumsum(weights / weights.sum()) * len(weights)
        self._seed = seed
        self._orders: dict[int, np.ndarray] = {}  # of the epochs last used

    @property
    def sha256(self) -> str:
        """Hash of the weights: samplers with the same seed and hash give the same photos."""
        return hashlib.sha256(self._shares.tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self._shares)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Photo index of each global sample number, (B,) -> (B,)."""
        return np.array([self._epoch_order(g // len(self))[g % len(self)] for g in samples])

    def _epoch_order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            start = uniform(self._seed, np.array([epoch]), 1, ORDER)[0, 0]
            drawn = np.searchsorted(self._shares, start + np.arange(len(self)), side="right")
            drawn = np.minimum(drawn, len(self) - 1)
            keys = uniform(self._seed, np.arange(len(self)) + epoch * len(self), 1, ORDER + 1)[:, 0]
            if len(self._orders) == KEPT_EPOCHS:
                del self._orders[next(iter(self._orders))]
            self._orders[epoch] = drawn[np.argsort(keys, kind="stable")]
        return self._orders[epoch]


def samples_of_pass(step: int, part: int, rank: int, config: Config, size: int) -> np.ndarray:
    """Global sample numbers of one forward pass of one process, (B,); independent of how a step is divided.

    Args:
        step: optimizer step, from 0.
        part: which of its `accum_steps` passes.
        rank, size: of the process, and how many there are.
    """
    first = (step * config.accum_steps + part) * config.batch_size * size + rank * config.batch_size
    return np.arange(first, first + config.batch_size)


def sample_weights(
    labels: np.ndarray, sources: list[str], balance: float, source_weights: dict[str, float]
) -> np.ndarray:
    """Sampling weight of each photo: that of its data set, divided by (photos of its class) ** `balance`."""
    counts = np.bincount(labels)
    own = np.array([source_weights[source] if source in source_weights else 1.0 for source in sources])
    return own * counts[labels].astype(float) ** -balance


def class_shares(labels: np.ndarray, weights: np.ndarray, num_classes: int) -> np.ndarray:
    """Sampling share of each class with these weights of its photos: (K,), sums to 1."""
    return np.bincount(labels, weights, num_classes) / weights.sum()
