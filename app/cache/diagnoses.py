"""Diagnoses, each remembered, and what a run recorded that bears on them."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import pictures, words
from app.cache.photos import prepared_or_unreadable
from app.cache.runs import RunChoice, identity, inference
from app.diagnose import evidence
from app.photo_files import PhotoFile
from hvit.csv_tables import diagnosis_row, to_csv
from hvit.data.classes import crop_of, select_crop
from hvit.runs import Run, RunError
from hvit.runs.predictions import read_predictions

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint

BATCH_SIZE = 8
REMEMBERED = 5000


@dataclass(frozen=True)
class Facts:
    """What a run recorded about answers like the present one; None where it recorded nothing.

    Args:
        on_field: of field photos of the crop; None where the run does not say which photos are of the field.
        material: what the run learned from and was judged on, in words.
        judged_on: "test", or "cv" where each photo was judged by a model that had not seen it.
        problem: why the record could not be read.
    """

    calibrated: bool
    usual_distance: float | None
    named_rightly: evidence.Count | None
    lists_held: evidence.Count | None
    top1: evidence.Count | None
    on_field: evidence.FieldFacts | None
    material: str
    judged_on: str | None
    problem: str | None


@dataclass(frozen=True)
class Result:
    """A diagnosis for the list: without pictures, but for a thumbnail as JPEG."""

    diagnosis: Diagnosis
    thumbnail: bytes | None


def diagnose_all(
    photos: Sequence[PhotoFile],
    checkpoint: Checkpoint,
    crop: str | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """One result a photo, in order; what was diagnosed before is not computed again.

    Args:
        progress: called with the number of photos done and their total.
    """
    from hvit.diagnosis import diagnose_window

    memory, model = _results(), identity(checkpoint)
    keys = [(photo.key, model, crop) for photo in photos]
    found = {key: memory[key] for key in keys if key in memory}
    missing = [(key, photo) for key, photo in zip(keys, photos) if key not in found]
    for start in range(0, len(missing), BATCH_SIZE):
        progress(len(photos) - len(missing) + start, len(photos))
        batch = missing[start : start + BATCH_SIZE]
        window = [prepared_or_unreadable(photo, checkpoint) for _, photo in batch]  # before others have to wait
        with inference:
            done = diagnose_window(checkpoint, window, crop, batch_size=BATCH_SIZE)
        for (key, _), diagnosis in zip(batch, done):
            found[key] = _without_pictures(diagnosis)
            _remember(memory, key, found[key], max(REMEMBERED, len(photos)))
    return [found[key] for key in keys]


@st.cache_resource(show_spinner=False)
def _results() -> OrderedDict[tuple, Result]:
    return OrderedDict()


def _remember(memory: OrderedDict, key: tuple, result: Result, most: int) -> None:
    memory[key] = result
    while len(memory) > most:
        memory.popitem(last=False)


def _without_pictures(diagnosis: Diagnosis) -> Result:
    small = None if diagnosis.pixels is None else pictures.thumbnail(diagnosis.pixels)
    return Result(dataclasses.replace(diagnosis, pixels=None, heatmap=None), small)


def look_closely(photo: PhotoFile, checkpoint: Checkpoint, crop: str | None) -> Diagnosis:
    """The diagnosis of one photo with its pixels at screen size and its heatmap."""
    return _look_closely(photo.key, identity(checkpoint), crop, photo, checkpoint)


@st.cache_data(max_entries=24, show_spinner=False)
def _look_closely(key: str, model: str, crop: str | None, _photo: PhotoFile, _checkpoint: Checkpoint) -> Diagnosis:
    from hvit.diagnosis import PreparedPhoto, diagnose_prepared

    began = time.perf_counter()
    photo = prepared_or_unreadable(_photo, _checkpoint)
    if not isinstance(photo, PreparedPhoto):
        return photo
    with inference:
        diagnosis = diagnose_prepared(_checkpoint, photo, crop, overlay=True)
    heatmap = diagnosis.heatmap  # None where the run has no attention to follow
    small = None if heatmap is None else pictures.shrunk(heatmap, pictures.HEATMAP_PX)
    return dataclasses.replace(diagnosis, heatmap=small, latency_ms=1000 * (time.perf_counter() - began))


def facts_about(diagnosis: Diagnosis, run: RunChoice, checkpoint: Checkpoint, crop: str | None) -> Facts:
    """Everything the run recorded that bears on this answer."""
    past, problem = None, None
    try:
        past = _past_results(str(run.path), identity(checkpoint), crop, checkpoint)
    except RunError as error:
        problem = str(error)
    answered = past is not None and diagnosis.label is not None
    crop_named = crop_of(diagnosis.label) if answered else ""
    return Facts(
        calibrated=checkpoint.card["temperature"] is not None,
        usual_distance=checkpoint.card["ood"]["threshold"] if checkpoint.card["ood"] else None,
        named_rightly=evidence.named_rightly(past, diagnosis.probability) if answered else None,
        lists_held=evidence.lists_held_the_name(past) if answered else None,
        material=words.material(run.learned_from),
        judged_on=Run(run.path).judged_on,
        top1=evidence.top1(past.of_crop(crop_named)) if answered else None,
        on_field=evidence.on_field(past, crop_named) if answered and Run(run.path).field_sets else None,
        problem=problem,
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _past_results(path: str, model: str, crop: str | None, _checkpoint: Checkpoint) -> evidence.Scored | None:
    """The photos a run was judged on; with a crop, those of that crop, answered as if it had been chosen."""
    from hvit.calibration import softmax
    from hvit.verdicts import conformal_sets

    run = Run(Path(path))
    if run.judged_on is None:
        return None
    recorded = read_predictions(run, run.judged_on, ("label", "logits", *(["path"] if run.field_sets else [])))
    classes = list(_checkpoint.classes)
    labels = np.array([classes.index(name) for name in recorded["label"]], dtype=int)
    logits = np.array(recorded["logits"], dtype=np.float64).reshape(len(labels), len(classes))
    is_field = np.zeros(len(labels), dtype=bool)
    if run.field_sets:
        is_field = np.isin([path.split("/")[0] for path in recorded["path"]], run.field_sets)
    if crop is not None:
        possible = select_crop(classes, crop)
        own = possible[labels]
        logits, labels, is_field = np.where(possible, logits[own], -np.inf), labels[own], is_field[own]
    probs = softmax(logits, _checkpoint.temperature)
    sets = conformal_sets(probs, classes, _checkpoint.conformal)
    crop_of_photo = np.array([crop_of(classes[label]) for label in labels], dtype=str)
    return evidence.scored(probs, labels, sets, crop_of_photo, is_field)


def table_of(rows: Sequence[dict]) -> bytes:
    """Rows of diagnoses as the CSV that `hvit predict --csv` writes."""
    return to_csv([diagnosis_row(row) for row in rows])
