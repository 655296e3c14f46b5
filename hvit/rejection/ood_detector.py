"""A fitted detector with the thresholds used at serving time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvit.rejection.method import RejectionMethod


@dataclass(frozen=True)
class OodDetector:
    """Rejects photos unlike the training photos.

    Attributes:
        method: fitted.
        threshold: largest score that is still in distribution.
        unsure_threshold: largest score that may be named: photos between the two thresholds get a prediction set of
            at least two classes. None: every photo in distribution may be named.
    """

    method: RejectionMethod
    threshold: float
    unsure_threshold: float | None = None

    def score(self, features: list[np.ndarray], logits: np.ndarray) -> np.ndarray:
        """Out-of-distribution score, (N,); see `RejectionMethod`."""
        return self.method.score(features, logits)

    def accepts(self, scores: np.ndarray) -> np.ndarray:
        """Whether each score is in distribution, (N,) bool."""
        return scores <= self.threshold

    def may_name(self, scores: np.ndarray) -> np.ndarray:
        """Whether a photo with each score may be given a single name, (N,) bool."""
        return scores <= (self.threshold if self.unsure_threshold is None else self.unsure_threshold)

    def save(self, path: Path) -> None:
        """Writes the arrays of the method; the thresholds are in model.json."""
        self.method.save(path)
