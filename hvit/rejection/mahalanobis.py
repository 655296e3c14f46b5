"""Mahalanobis distance to the nearest class (Lee et al. 2018, arXiv:1807.03888), absolute and relative."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hvit.rejection.method import StoredArrays, group_means

RIDGE = 1e-3  # of the mean variance, added to every direction: fewer photos than channels leave some without variance


@dataclass(frozen=True)
class Mahalanobis(StoredArrays):
    """Squared Mahalanobis distance to the nearest class mean, less `relative` times that to the mean of all photos.

    Features are the mean tokens of the last stage, with one covariance for all classes. Score: `min_k d_k - w d_0`.

    Attributes:
        center: mean of all training photos, (C,) float32.
        class_offsets: class means less `center`, (M, C) float16.
        class_whitening: W with `d_k = |(x - mean_k) W|^2`, (C, C) float16.
        background_whitening: the same for the covariance around `center`, (C, C) float16; (0, C) where it has no part.
    """

    center: np.ndarray
    class_offsets: np.ndarray
    class_whitening: np.ndarray
    background_whitening: np.ndarray

    name: ClassVar[str] = "mahalanobis"
    relative: ClassVar[float] = 0.0

    @classmethod
    def fit(cls, features: list[np.ndarray], logits: np.ndarray | None, labels: np.ndarray) -> Self:
        last = np.asarray(features[-1], dtype=np.float64)
        center, (means, rows) = last.mean(0), group_means(last, labels)
        background = whitening(last - center) if cls.relative else np.zeros((0, last.shape[1]))
        return cls(
            center.astype(np.float32),
            (means - center).astype(np.float16),
            whitening(last - means[rows]).astype(np.float16),
            background.astype(np.float16),
        )

    def score(self, features: list[np.ndarray], logits: np.ndarray | None = None) -> np.ndarray:
        offset = np.asarray(features[-1], dtype=np.float64) - self.center
        whitener = self.class_whitening.astype(np.float64)
        points, means = offset @ whitener, self.class_offsets.astype(np.float64) @ whitener
        squares = (points**2).sum(1)[:, None] - 2 * points @ means.T + (means**2).sum(1)
        nearest = squares.min(1)
        if not self.relative:
            return nearest
        background = ((offset @ self.background_whitening.astype(np.float64)) ** 2).sum(1)
        return nearest - self.relative * background


@dataclass(frozen=True)
class RelativeMahalanobis(Mahalanobis):
    """Relative Mahalanobis distance (Ren et al. 2021, arXiv:2106.09022): better on near unknowns, as other crops."""

    name: ClassVar[str] = "relative_mahalanobis"
    relative: ClassVar[float] = 1.0


@dataclass(frozen=True)
class HalfRelativeMahalanobis(Mahalanobis):
    """Midway between the two (ours): the absolute distance is better far from leaves, the relative one near them."""

    name: ClassVar[str] = "half_relative_mahalanobis"
    relative: ClassVar[float] = 0.5


def whitening(deviations: np.ndarray) -> np.ndarray:
    """W (C, C) with `W W^T` the inverse of the covariance of deviations (N, C) from their mean, plus a small ridge."""
    covariance = deviations.T @ deviations / len(deviations)
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    variances, axes = np.linalg.eigh(covariance)
    return axes / np.sqrt(np.maximum(variances, 0) + max(ridge, 1e-12))
