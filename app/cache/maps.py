"""Maps of feature spaces, joined with what the run answered, and where the photos of a session fall on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.cache.photos import prepared
from app.cache.records import Record, stamp
from app.cache.runs import identity, inference
from app.photo_files import PhotoFile
from hvit.calibration import softmax
from hvit.csv_tables import to_csv
from hvit.feature_space import MAP, FeatureMap, MapError, Place, read_map
from hvit.runs import Run
from hvit.runs.predictions import read_predictions

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint


@dataclass(frozen=True)
class MappedSamples:
    """The samples on a map, one row each, and what the run answered.

    Attributes:
        map: of the run's feature space.
        classes: of the run.
        paths, sha256, labels, answers: as recorded, (N,) text; labels are true classes, answers the most likely ones.
        confidence: calibrated probability of the answer, (N,).
        strange_from: strangeness above which the run calls a photo unfamiliar; None where it does not.
        identity: tells apart maps that differ.
    """

    identity: str
    map: FeatureMap
    classes: tuple[str, ...]
    paths: np.ndarray
    sha256: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    confidence: np.ndarray
    strange_from: float | None

    @property
    def right(self) -> np.ndarray:
        """Whether the answer is the true class, (N,) bool."""
        return self.labels == self.answers

    def rows_of(self, ids: frozenset[str]) -> np.ndarray:
        """Rows of the samples with these ids, in order."""
        return np.flatnonzero([name in ids for name in self.map.sample_ids])


@dataclass(frozen=True)
class Placed:
    """A photo of the session on a map.

    Attributes:
        place: where it falls, and its neighbors in feature space.
        strangeness: distance to the nearest training photos; None where the run has no rejection.
        unfamiliar: whether it looks like nothing the run learned from.
        answer, confidence: the most likely class, and its calibrated probability.
    """

    place: Place
    strangeness: float | None
    unfamiliar: bool
    answer: str
    confidence: float


def mapped_splits(record: Record) -> tuple[str, ...]:
    """The splits of a run that have a map, those that judge it first."""
    return tuple(split for split in record.splits if (record.path / "eval" / split / MAP).exists())


def mapped_samples(record: Record, split: str) -> MappedSamples:
    """The map of a split with the recorded answers.

    Raises:
        MapError: the map is damaged, or older than the recorded predictions.
        RunError: the predictions are damaged.
    """
    names = [f"eval/{split}/{MAP}", "model.json", *(f"eval/{other}/predictions.parquet" for other in record.splits)]
    return _mapped_samples(str(record.path), split, tuple(stamp(record.path, name) for name in names))


@st.cache_resource(max_entries=8, show_spinner=False)
def _mapped_samples(path: str, split: str, stamps: tuple) -> MappedSamples:
    run = Run(Path(path))
    found, card = read_map(run.path / "eval" / split / MAP), run.model_card() or {}
    classes = tuple(card.get("classes") or ())
    columns = {name: np.empty(len(found), dtype=object) for name in ("path", "sha256", "label")}
    logits = np.empty((len(found), len(classes)))
    for name in np.unique(found.splits):
        own = found.splits == name
        _fill(columns, logits, own, found, read_predictions(run, str(name)), run.name, split)
    probs = softmax(logits, card.get("temperature") or 1.0)
    return MappedSamples(
        identity=f"{path} {split} {stamps}",
        map=found,
        classes=classes,
        paths=columns["path"],
        sha256=columns["sha256"],
        labels=columns["label"],
        answers=np.array(classes, dtype=object)[probs.argmax(1)],
        confidence=probs.max(1),
        strange_from=card["ood"]["threshold"] if card.get("ood") else None,
    )


def _fill(
    columns: dict[str, np.ndarray],
    logits: np.ndarray,
    own: np.ndarray,
    found: FeatureMap,
    predictions: dict[str, list] | None,
    run_name: str,
    split: str,
) -> None:
    """Rows of one split from its predictions."""
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
    """What makes the map of a run."""
    return f"python -m training.embed --run {run_name}" + (f" --split {split}" if split else "")


def placed(photo: PhotoFile, checkpoint: Checkpoint, samples: MappedSamples, refined: bool) -> Placed:
    """Where a photo falls on the map of a run.

    Args:
        refined: by t-SNE, which takes seconds; else the median of its neighbors, at once.
    Raises:
        MapError: the map was made with other weights.
        InvalidPhotoError: the photo cannot be read.
    """
    if samples.map.about["weights"] != checkpoint.sha256:
        raise MapError(
            f"The weights of run {checkpoint.name} are not those its map was made with, so no photo can be placed. "
            f"Make it again: {embed_command(checkpoint.name)}"
        )
    (name, confidence), strangeness, unfamiliar, embedding = _seen(photo.key, identity(checkpoint), photo, checkpoint)
    place = _refined(photo.key, samples.identity, embedding, samples.map) if refined else samples.map.place(embedding)
    return Placed(place, strangeness, unfamiliar, name, confidence)


@st.cache_data(max_entries=256, show_spinner=False)
def _seen(key: str, model: str, _photo: PhotoFile, _checkpoint: Checkpoint) -> tuple:
    """The answer, the strangeness and the embedding of a photo."""
    from hvit.scoring.evaluation import predict_inputs

    inputs = prepared(_photo, _checkpoint).inputs
    with inference:
        found = predict_inputs(_checkpoint, [inputs])
    probs = softmax(found.logits, _checkpoint.temperature)[0]
    best = int(probs.argmax())
    strangeness, unfamiliar = None, False
    if _checkpoint.ood is not None:
        strangeness = float(_checkpoint.ood.score(found.stage_features, found.photo_logits)[0])
        unfamiliar = strangeness > _checkpoint.ood.threshold
    return (_checkpoint.classes[best], float(probs[best])), strangeness, unfamiliar, found.stage_features[-1][0]


@st.cache_data(max_entries=64, show_spinner=False)
def _refined(key: str, identity: str, _embedding: np.ndarray, _map: FeatureMap) -> Place:
    return _map.refine(_embedding)


def table_of(samples: MappedSamples, rows: np.ndarray) -> bytes:
    """Samples as CSV, one line each."""
    return to_csv([_line(samples, int(row)) for row in rows])


def _line(samples: MappedSamples, row: int) -> dict:
    found = samples.map
    x, y = found.coordinates[row]
    return {
        "sample_id": str(found.sample_ids[row]),
        "path": samples.paths[row],
        "sha256": samples.sha256[row],
        "split": str(found.splits[row]),
        "label": samples.labels[row],
        "answer": samples.answers[row],
        "right": bool(samples.right[row]),
        "probability": float(samples.confidence[row]),
        "ood_score": "" if found.strangeness is None else float(found.strangeness[row]),
        "drawn_severity": "" if found.severity is None else float(found.severity[row]),
        "map_x": float(x),
        "map_y": float(y),
    }
