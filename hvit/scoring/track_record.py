"""Recorded accuracy of a run on photos similar to a new one: at its confidence, in its set, in the field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from hvit.calibration import softmax
from hvit.data.classes import crop_of, select_crop
from hvit.runs import Run
from hvit.runs.predictions import read_prediction_columns
from hvit.verdicts import conformal_sets

if TYPE_CHECKING:  # import torch, which a page's first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint

MIN_PHOTOS = 30
HALF_WIDTH = 0.05  # of the window around a new confidence


@dataclass(frozen=True)
class EvaluatedPhotos:
    """Recorded predictions of one run on N photos, over the classes that were possible.

    Args:
        crop: of the true class, (N,) text.
        confidence: highest calibrated probability, (N,).
        correct: whether the most likely class is the true one, (N,) bool.
        set_size: number of classes in the prediction set, (N,).
        covered: whether the prediction set holds the true class, (N,) bool.
        is_field: whether the photo was taken in the field, (N,) bool.
    """

    crop: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray
    set_size: np.ndarray
    covered: np.ndarray
    is_field: np.ndarray

    def of_crop(self, crop: str) -> EvaluatedPhotos:
        """Only the photos whose true class is of this crop."""
        return self.only(self.crop == crop)

    def only(self, rows: np.ndarray) -> EvaluatedPhotos:
        """Only the photos of a mask, (N,) bool."""
        return EvaluatedPhotos(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Proportion:
    """A proportion, `share` of `n` photos."""

    share: float
    n: int


@dataclass(frozen=True)
class FieldRecord:
    """Accuracy on field photos of one crop; a proportion is None below `MIN_PHOTOS` photos.

    Args:
        n: field photos of the crop that were evaluated.
        named_correct: accuracy among those with a prediction set of one class.
        set_coverage: share whose prediction set holds the true class.
        top1: top-1 accuracy.
    """

    n: int
    named_correct: Proportion | None
    set_coverage: Proportion | None
    top1: Proportion | None


@dataclass(frozen=True)
class TrackRecord:
    """Recorded evaluation that applies to one prediction; None where nothing was recorded.

    Args:
        calibrated: whether a temperature was fitted.
        ood_threshold: largest distance from the training photos that is accepted.
        named_correct: accuracy among photos named with a similar confidence.
        set_coverage: share of photos whose prediction set holds the true class.
        top1: top-1 accuracy on photos of the crop.
        field: accuracy on field photos of the crop; None where the run does not say which photos are of the field.
        learned_from: "photos", "drawings" or both.
        evaluated_on: "test", or "cv" (out-of-fold predictions).
        problem: why the recorded predictions could not be read.
    """

    calibrated: bool
    ood_threshold: float | None
    named_correct: Proportion | None
    set_coverage: Proportion | None
    top1: Proportion | None
    field: FieldRecord | None
    learned_from: frozenset[str]
    evaluated_on: str | None
    problem: str | None


def evaluated_photos(
    probs: np.ndarray, labels: np.ndarray, sets: np.ndarray, crop: np.ndarray, is_field: np.ndarray | None = None
) -> EvaluatedPhotos:
    """Compares predictions with true classes.

    Args:
        probs: calibrated probabilities, (N, K).
        labels: true class indices, (N,).
        sets: prediction sets, (N, K) bool.
        crop: of the true class, (N,) text.
        is_field: (N,) bool; none where left out.
    """
    rows = np.arange(len(labels))
    is_field = np.zeros(len(labels), dtype=bool) if is_field is None else is_field
    return EvaluatedPhotos(crop, probs.max(1), probs.argmax(1) == labels, sets.sum(1), sets[rows, labels], is_field)


def read_evaluated_photos(run: Run, checkpoint: Checkpoint, crop: str | None = None) -> EvaluatedPhotos | None:
    """Reads the recorded predictions that measure a run, `Run.evaluated_split`; None where it has none.

    Args:
        checkpoint: of the run; gives classes, temperature and prediction sets.
        crop: restrict to photos of this crop and renormalize over its classes, as `predict --crop` does.
    Raises:
        RunError: the recorded predictions are damaged.
    """
    if run.evaluated_split is None:
        return None
    recorded = read_prediction_columns(
        run, run.evaluated_split, ("label", "logits", *(["path"] if run.field_sets else []))
    )
    assert recorded is not None  # `evaluated_split` names a split that has some
    classes = list(checkpoint.classes)
    labels = np.array([classes.index(name) for name in recorded["label"]], dtype=int)
    logits = np.array(recorded["logits"], dtype=np.float64).reshape(len(labels), len(classes))
    is_field = np.zeros(len(labels), dtype=bool)
    if run.field_sets:
        is_field = np.isin([path.split("/")[0] for path in recorded["path"]], run.field_sets)
    if crop is not None:
        possible = select_crop(classes, crop)
        own = possible[labels]
        logits, labels, is_field = np.where(possible, logits[own], -np.inf), labels[own], is_field[own]
    probs = softmax(logits, checkpoint.temperature)
    sets = conformal_sets(probs, classes, checkpoint.conformal)
    crop_of_photo = np.array([crop_of(classes[label]) for label in labels], dtype=str)
    return evaluated_photos(probs, labels, sets, crop_of_photo, is_field)


def track_record(
    diagnosis: Diagnosis, run: Run, checkpoint: Checkpoint, photos: EvaluatedPhotos | None, problem: str | None = None
) -> TrackRecord:
    """Collects the recorded evaluation that applies to one diagnosis.

    Args:
        photos: from `read_evaluated_photos`.
        problem: why they could not be read.
    """
    label, probability = diagnosis.label, diagnosis.probability
    known = photos if label is not None and probability is not None else None
    crop = crop_of(label) if known is not None and label is not None else ""
    return TrackRecord(
        calibrated=checkpoint.card.temperature is not None,
        ood_threshold=checkpoint.card.ood.threshold if checkpoint.card.ood else None,
        named_correct=None if known is None or probability is None else accuracy_at_confidence(known, probability),
        set_coverage=None if known is None else set_coverage(known),
        top1=None if known is None else top1_accuracy(known.of_crop(crop)),
        field=field_record(known, crop) if known is not None and run.field_sets else None,
        learned_from=run.learned_from,
        evaluated_on=run.evaluated_split,
        problem=problem,
    )


def field_record(photos: EvaluatedPhotos, crop: str) -> FieldRecord:
    """Accuracy on the field photos of a crop; of all crops where it is empty, as in a run without crops."""
    own = photos.only(photos.is_field)
    own = own.of_crop(crop) if crop else own
    named = _proportion(own.correct[own.set_size == 1])
    return FieldRecord(len(own.correct), named, _proportion(own.covered), _proportion(own.correct))


def accuracy_at_confidence(photos: EvaluatedPhotos, probability: float) -> Proportion | None:
    """Accuracy among photos named with a confidence within `HALF_WIDTH` of a probability; None below `MIN_PHOTOS`."""
    similar = (photos.set_size == 1) & (np.abs(photos.confidence - probability) <= HALF_WIDTH)
    return _proportion(photos.correct[similar])


def set_coverage(photos: EvaluatedPhotos) -> Proportion | None:
    """Share of photos whose prediction set holds the true class; None below `MIN_PHOTOS`."""
    return _proportion(photos.covered)


def top1_accuracy(photos: EvaluatedPhotos) -> Proportion | None:
    """Top-1 accuracy; None below `MIN_PHOTOS`."""
    return _proportion(photos.correct)


def _proportion(hits: np.ndarray) -> Proportion | None:
    return Proportion(float(hits.mean()), len(hits)) if len(hits) >= MIN_PHOTOS else None
