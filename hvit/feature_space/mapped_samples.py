"""Samples of a feature map joined with recorded predictions, and new photos placed on the map."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hvit.calibration import softmax
from hvit.feature_space.feature_map import FeatureMap, MapError, Place, read_map
from hvit.runs import Run
from hvit.runs.layout import FEATURE_MAP, in_split
from hvit.runs.predictions import read_prediction_columns

if TYPE_CHECKING:
    from hvit.runs.checkpoint import Checkpoint


@dataclass(frozen=True)
class MappedSamples:
    """The N samples of a map, one row each, with the predictions of the run.

    Attributes:
        identity: a cache key; differs between maps that differ.
        map: of the run's feature space.
        classes: of the run.
        paths, sha256: as recorded, (N,) text.
        labels, predicted: names of the true and of the most likely class, (N,) text.
        confidence: calibrated probability of the prediction, (N,).
        ood_threshold: distance from the training photos above which a photo is unfamiliar; None without rejection.
    """

    identity: str
    map: FeatureMap
    classes: tuple[str, ...]
    paths: np.ndarray
    sha256: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    ood_threshold: float | None

    @property
    def correct(self) -> np.ndarray:
        """Whether the prediction is the true class, (N,) bool."""
        return np.asarray(self.labels == self.predicted)

    def rows_of(self, ids: frozenset[str]) -> np.ndarray:
        """Rows of the samples with these ids, in order."""
        return np.flatnonzero([name in ids for name in self.map.sample_ids])

    def csv_row(self, row: int) -> dict[str, Any]:
        """One sample as a row of a CSV table."""
        x, y = self.map.coordinates[row]
        distance, severity = self.map.strangeness, self.map.severity
        return {
            "sample_id": str(self.map.sample_ids[row]),
            "path": self.paths[row],
            "sha256": self.sha256[row],
            "split": str(self.map.splits[row]),
            "label": self.labels[row],
            "answer": self.predicted[row],
            "right": bool(self.correct[row]),
            "probability": float(self.confidence[row]),
            "ood_score": "" if distance is None else float(distance[row]),
            "drawn_severity": "" if severity is None else float(severity[row]),
            "map_x": float(x),
            "map_y": float(y),
        }


@dataclass(frozen=True)
class PhotoPrediction:
    """Prediction and embedding of a new photo, for placing it on the map.

    Attributes:
        label, confidence: the most likely class, and its calibrated probability.
        distance: to the nearest training photos; None where the run has no rejection.
        unfamiliar: whether that exceeds the threshold of the run.
        embedding: mean token of the last stage, (C,).
    """

    label: str
    confidence: float
    distance: float | None
    unfamiliar: bool
    embedding: np.ndarray


@dataclass(frozen=True)
class PlacedPhoto:
    """A new photo on a map, with its neighbors in feature space; the other fields as in `PhotoPrediction`."""

    place: Place
    distance: float | None
    unfamiliar: bool
    label: str
    confidence: float


def read_mapped_samples(run: Run, split: str, identity: str = "") -> MappedSamples:
    """Reads the map of a split and joins it with the recorded predictions.

    Raises:
        MapError: the map is damaged, or older than the recorded predictions.
        RunError: the predictions are damaged.
    """
    found, card = read_map(run.path / in_split(split, FEATURE_MAP)), run.model_card()
    classes = () if card is None else card.classes
    columns = {name: np.empty(len(found), dtype=object) for name in ("path", "sha256", "label")}
    logits = np.empty((len(found), len(classes)))
    for name in np.unique(found.splits):
        own = found.splits == name
        _fill(columns, logits, own, found, read_prediction_columns(run, str(name)), run.name, split)
    probs = softmax(logits, 1.0 if card is None or card.temperature is None else card.temperature)
    return MappedSamples(
        identity=identity,
        map=found,
        classes=classes,
        paths=columns["path"],
        sha256=columns["sha256"],
        labels=columns["label"],
        predicted=np.array(classes, dtype=object)[probs.argmax(1)],
        confidence=probs.max(1),
        ood_threshold=None if card is None or card.ood is None else card.ood.threshold,
    )


def _fill(
    columns: dict[str, np.ndarray],
    logits: np.ndarray,
    own: np.ndarray,
    found: FeatureMap,
    predictions: dict[str, list[Any]] | None,
    run_name: str,
    split: str,
) -> None:
    """Fills in the rows of one split from its predictions."""
    rows = found.rows[own]
    stale = MapError(
        f"The map of {split} of run {run_name} does not belong to the predictions recorded there now. Make it again: "
        f"{embed_command(run_name, split)}"
    )
    if predictions is None or rows.max() >= len(predictions["sample_id"]):
        raise stale
    if [predictions["sample_id"][row] for row in rows] != list(found.sample_ids[own]):
        raise stale
    for name, column in columns.items():
        column[own] = [predictions[name][row] for row in rows]
    recorded = [predictions["logits"][row] for row in rows]
    if any(len(values) != logits.shape[1] for values in recorded):
        raise stale
    logits[own] = recorded


def embed_command(run_name: str, split: str | None = None) -> str:
    """The command that makes the map of a run."""
    return f"python -m training.embed --run {shlex.quote(run_name)}" + (f" --split {split}" if split else "")


def predict_for_map(checkpoint: Checkpoint, inputs: Any) -> PhotoPrediction:
    """Predicts one photo and keeps its embedding.

    Args:
        inputs: of the photo, from `hvit.diagnosis.prepare_photo`.
    """
    from hvit.scoring.predict import predict_inputs

    found = predict_inputs(checkpoint, [inputs])
    probs = softmax(found.logits, checkpoint.temperature)[0]
    best = int(probs.argmax())
    distance, unfamiliar = None, False
    if checkpoint.ood is not None:
        assert found.photo_logits is not None  # set where it was left out
        distance = float(checkpoint.ood.score(found.stage_features, found.photo_logits)[0])
        unfamiliar = distance > checkpoint.ood.threshold
    return PhotoPrediction(
        checkpoint.classes[best], float(probs[best]), distance, unfamiliar, found.stage_features[-1][0]
    )


def check_same_weights(samples: MappedSamples, checkpoint: Checkpoint) -> None:
    """Checks that a map was made with the weights of a checkpoint.

    Raises:
        MapError: it was made with others.
    """
    if samples.map.about["weights"] != checkpoint.sha256:
        raise MapError(
            f"The weights of run {checkpoint.name} are not those its map was made with, so no photo can be placed. "
            f"Make it again: {embed_command(checkpoint.name)}"
        )
