"""Uncalibrated model outputs of photos."""

from dataclasses import dataclass

import numpy as np

from hvit.calibration import mean_of_views


@dataclass(frozen=True)
class ModelOutputs:
    """Logits and features of N photos.

    Attributes:
        logits: (N, K) float32; with test-time augmentation, those whose calibrated probabilities are the mean over the
            views.
        stage_features: mean token of each stage, four of (N, C) float32.
        sha256: of each photo.
        photo_logits: of the photo without augmentation, for rejection; by default `logits`.
    """

    logits: np.ndarray
    stage_features: list[np.ndarray]
    sha256: list[str]
    photo_logits: np.ndarray = None  # type: ignore[assignment]  # set from logits below

    def __post_init__(self) -> None:
        if self.photo_logits is None:
            object.__setattr__(self, "photo_logits", self.logits)

    def only(self, rows: np.ndarray) -> "ModelOutputs":
        """The photos of a boolean mask (N,), or of row numbers."""
        rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows, dtype=int)
        return ModelOutputs(
            self.logits[rows],
            [stage[rows] for stage in self.stage_features],
            [self.sha256[i] for i in rows] if self.sha256 else [],
            self.photo_logits[rows],
        )


@dataclass(frozen=True)
class ViewOutputs:
    """Logits of V views of N photos, and the features of the first view, which is the photo itself.

    Attributes:
        logits: (V, N, K) float32.
        stage_features, sha256: see `ModelOutputs`.
    """

    logits: np.ndarray
    stage_features: list[np.ndarray]
    sha256: list[str]

    def of_photo(self) -> ModelOutputs:
        """Outputs of the first view: without augmentation."""
        return ModelOutputs(self.logits[0], self.stage_features, self.sha256)

    def mean(self, temperature: float, views: slice | list[int] = slice(None)) -> ModelOutputs:
        """Test-time augmentation: averages calibrated probabilities over some of the views."""
        averaged = mean_of_views(self.logits[views], temperature).astype(np.float32)
        return ModelOutputs(averaged, self.stage_features, self.sha256, self.logits[0])
