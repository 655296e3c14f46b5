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
        is_field: whether it is a photo from the field, (N,).
    """

    crop: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    set_size: np.ndarray
    covered: np.ndarray
    is_field: np.ndarray

    def of_crop(self, crop: str) -> "Scored":
        """Only the photos whose true class is of this crop."""
        return self.only(self.crop == crop)

    def only(self, rows: np.ndarray) -> "Scored":
        """The photos of a mask."""
        return Scored(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Count:
    """`share` of `n` photos."""

    share: float
    n: int


@dataclass(frozen=True)
class FieldFacts:
    """What was counted on field photos of one crop; a count is None below 30 photos.

    Args:
        n: field photos of the crop that were tested.
        named_correct: of those given a single name, how many got the right one.
        lists_held: of all, how many had the right name in their list.
        top1: of all, how many were given the right name first.
    """

    n: int
    named_correct: Count | None
    lists_held: Count | None
    top1: Count | None


def scored(
    probs: np.ndarray, labels: np.ndarray, sets: np.ndarray, crop: np.ndarray, is_field: np.ndarray | None = None
) -> Scored:
    """A recorded evaluation from its arrays.

    Args:
        probs: calibrated, (N, K).
        labels: true class indices, (N,).
        sets: prediction sets, (N, K) bool.
        crop: of the true class, (N,) text.
        is_field: (N,) bool; no photo where it is left out.
    """
    rows = np.arange(len(labels))
    is_field = np.zeros(len(labels), dtype=bool) if is_field is None else is_field
    return Scored(crop, probs.max(1), probs.argmax(1) == labels, sets.sum(1), sets[rows, labels], is_field)


def on_field(past: Scored, crop: str) -> FieldFacts:
    """The field photos of a crop; of all crops where it is empty, as in a run without crops."""
    own = past.only(past.is_field)
    own = own.of_crop(crop) if crop else own
    return FieldFacts(len(own.right), _count(own.right[own.set_size == 1]), _count(own.covered), _count(own.right))


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
