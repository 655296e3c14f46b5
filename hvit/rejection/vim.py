"""Virtual-logit matching (Wang et al. 2022, arXiv:2203.10807)."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hvit.rejection.method import StoredArrays


@dataclass(frozen=True)
class VirtualLogit(StoredArrays):
    """ViM: the norm of the feature outside the principal subspace, scaled to a logit, less the energy of the logits.

    Features are the mean tokens of the last stage. The head's weights and bias, which set the origin, are taken from
    the least-squares map of features to logits: exact where the head is linear in them.

    Attributes:
        origin: point where that map is zero for all classes (or nearest to it), (C,) float32.
        residual_axes: basis of the orthogonal complement of the principal subspace, (C, C - P) float16.
        scale: logits per unit of the residual norm, () float32.
    """

    origin: np.ndarray
    residual_axes: np.ndarray
    scale: np.ndarray

    name: ClassVar[str] = "vim"

    @classmethod
    def fit(cls, features: list[np.ndarray], logits: np.ndarray, labels: np.ndarray | None = None) -> Self:
        last = np.asarray(features[-1], dtype=np.float64)
        head = np.linalg.lstsq(np.column_stack([last, np.ones(len(last))]), logits, rcond=None)[0]
        origin = -np.linalg.pinv(head[:-1].T) @ head[-1]
        centered = last - origin
        _, axes = np.linalg.eigh(centered.T @ centered / len(centered))  # of rising variance
        residual = axes[:, : last.shape[1] - principal_dim(last.shape[1])]
        norms = np.linalg.norm(centered @ residual, axis=1)
        scale = logits.max(1).mean() / max(norms.mean(), 1e-12)
        return cls(origin.astype(np.float32), residual.astype(np.float16), np.array(scale, dtype=np.float32))

    def score(self, features: list[np.ndarray], logits: np.ndarray) -> np.ndarray:
        centered = np.asarray(features[-1], dtype=np.float64) - self.origin
        residual = np.linalg.norm(centered @ self.residual_axes.astype(np.float64), axis=1)
        return float(self.scale) * residual - np.logaddexp.reduce(np.asarray(logits, dtype=np.float64), axis=1)


def principal_dim(channels: int) -> int:
    """Dimensions of the principal subspace, as the paper sets them by the width of the feature."""
    if channels >= 2048:
        return 1000
    return 512 if channels >= 768 else channels // 2
