"""How often answers like this one were right, counted on the recorded test photos of a run."""

from dataclasses import dataclass, fields

import numpy as np

MIN_PHOTOS = 30
HALF_WIDTH = 0.05


@dataclass(frozen=True)
class Scored:
    """A recorded evaluation of one run, over the classes that were possible.

    Args:
        confidence: highest calibrated probability of each photo, (N,).
        crop: of the true class, (N,) text.
        right: whether the most likely class was the true one, (N,).
        set_size: classes in the prediction set of each photo, (N,).
        covered: whether that set held the true class, (N,).
    """

    crop: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    set_size: np.ndarray
    covered: np.ndarray

    def of_crop(self, crop: str) -> "Scored":
        """Only the photos whose true class is of this crop."""
        own = self.crop == crop
        return Scored(*(getattr(self, field.name)[own] for field in fields(self)))


@dataclass(frozen=True)
class Count:
    """`share` of `n` photos."""

    share: float
    n: int


def scored(probs: np.ndarray, labels: np.ndarray, sets: np.ndarray, crop: np.ndarray) -> Scored:
    """From calibrated probabilities (N, K), true indices (N,), prediction sets (N, K) bool and true crops (N,)."""
    rows = np.arange(len(labels))
    return Scored(crop, probs.max(1), probs.argmax(1) == labels, sets.sum(1), sets[rows, labels])


def named_rightly(past: Scored, probability: float) -> Count | None:
    """Of the photos named with a score within 5 points of this one, how many were named rightly; None below 30."""
    alike = (past.set_size == 1) & (np.abs(past.confidence - probability) <= HALF_WIDTH)
    return _count(past.right[alike])


def lists_held_the_name(past: Scored) -> Count | None:
    """Of all photos, how many had the right name in their list; None below 30."""
    return _count(past.covered)


def top1(past: Scored) -> Count | None:
    """Of all photos, how many were given the right name first; None below 30."""
    return _count(past.right)


def _count(hits: np.ndarray) -> Count | None:
    return Count(float(hits.mean()), len(hits)) if len(hits) >= MIN_PHOTOS else None
