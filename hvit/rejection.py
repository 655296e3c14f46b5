"""Whether a photo looks like anything the model learned from: distance to the nearest training photos."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvit.files import write_bytes

METHOD = "knn"
NEIGHBORS = 20


@dataclass(frozen=True)
class Rejector:
    """Nearest-neighbor distance in the normalized features of all stages (Sun et al. 2022, arXiv:2204.06507).

    Attributes:
        reference: features of training photos, (M, D) float16.
        threshold: largest score that is still accepted; None until it is chosen.
    """

    reference: np.ndarray
    threshold: float | None = None

    @classmethod
    def fit(cls, stage_features: list[np.ndarray]) -> "Rejector":
        """From the mean tokens of training photos, four of (M, C)."""
        return cls(_joined(stage_features).astype(np.float16))

    def score(self, stage_features: list[np.ndarray]) -> np.ndarray:
        """Mean distance to the 20 nearest training photos; higher is stranger.

        Args:
            stage_features: mean tokens of the four stages, each (N, C).
        Returns:
            (N,), in [0, 2].
        """
        queries, reference = _joined(stage_features), self._reference()
        squares = 2 - 2 * np.clip(queries @ reference.T, -1, 1)
        count = min(NEIGHBORS, len(reference))
        nearest = np.partition(squares, count - 1, axis=1)[:, :count]
        return np.sqrt(np.maximum(nearest, 0)).mean(1)

    def _reference(self) -> np.ndarray:
        if "_float" not in self.__dict__:  # widened once; a frozen dataclass keeps no other state
            object.__setattr__(self, "_float", self.reference.astype(np.float32))
        return self._float

    def save(self, path: Path) -> None:
        """Writes the reference features, (M, D) float16, as .npz."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, reference=self.reference)
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, threshold: float) -> "Rejector":
        """Reads what `save` wrote; nothing is unpickled."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(archive["reference"], threshold)


def _joined(stage_features: list[np.ndarray]) -> np.ndarray:
    """Unit vectors (N, D) in which every stage counts the same: the early ones tell most of what is not a leaf."""
    parts = [np.asarray(stage, dtype=np.float32) for stage in stage_features]
    parts = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts]
    return np.concatenate(parts, axis=1) / np.sqrt(len(parts), dtype=np.float32)
