"""Distance to the nearest training photos (Sun et al. 2022, arXiv:2204.06507)."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from hvit.rejection.method import StoredArrays

NEIGHBORS = 20


@dataclass(frozen=True)
class NearestNeighbors(StoredArrays):
    """k-nearest-neighbor distance in the L2-normalized features of all stages; logits and labels are not used.

    Attributes:
        reference: normalized features of training photos, (M, D) float16.
    """

    reference: np.ndarray

    name: ClassVar[str] = "knn"
    stages: ClassVar[slice] = slice(None)

    @classmethod
    def fit(
        cls, features: list[np.ndarray], logits: np.ndarray | None = None, labels: np.ndarray | None = None
    ) -> Self:
        return cls(normalized_stages(features[cls.stages]).astype(np.float16))

    def score(self, features: list[np.ndarray], logits: np.ndarray | None = None) -> np.ndarray:
        """Mean Euclidean distance to the 20 nearest training photos, (N,) in [0, 2]."""
        squares = 2 - 2 * np.clip(normalized_stages(features[self.stages]) @ self._reference.T, -1, 1)
        count = min(NEIGHBORS, len(self.reference))
        nearest = np.partition(squares, count - 1, axis=1)[:, :count]
        return np.sqrt(np.maximum(nearest, 0)).mean(1)

    @cached_property
    def _reference(self) -> np.ndarray:
        return self.reference.astype(np.float32)


@dataclass(frozen=True)
class NearestNeighborsLastStages(NearestNeighbors):
    """k-nearest-neighbor distance on the last two stages only: more about the plant, less about color and texture."""

    name: ClassVar[str] = "knn_last_stages"
    stages: ClassVar[slice] = slice(-2, None)


def normalized_stages(features: list[np.ndarray]) -> np.ndarray:
    """Concatenates the L2-normalized features of all stages with equal weight, (N, D)."""
    parts = [np.asarray(stage, dtype=np.float32) for stage in features]
    parts = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts]
    return np.concatenate(parts, axis=1) / np.sqrt(len(parts), dtype=np.float32)
