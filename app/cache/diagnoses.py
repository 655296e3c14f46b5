"""Cached diagnoses, and the recorded evaluation that applies to them."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.photos import prepared_or_unreadable
from app.cache.runs import identity, inference
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from hvit.runs import Run, RunError
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.track_record import EvaluatedPhotos, TrackRecord, read_evaluated_photos, track_record

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint

BATCH_SIZE = 8
MAX_CACHED = 5000


@dataclass(frozen=True)
class Result:
    """A diagnosis for the list: without pixels, with a JPEG thumbnail."""

    diagnosis: Diagnosis
    thumbnail: bytes | None


def diagnose_all(
    photos: Sequence[PhotoFile],
    checkpoint: Checkpoint,
    crop: str | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """Diagnoses all photos in order; cached diagnoses are reused.

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
            _remember(memory, key, found[key], max(MAX_CACHED, len(photos)))
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
    return Result(dataclasses.replace(diagnosis, pixels=None, heatmap=None, areas=None), small)


def diagnose_with_heatmap(photo: PhotoFile, checkpoint: Checkpoint, crop: str | None) -> Diagnosis:
    """Diagnosis of one photo with its pixels at screen size and its heatmap."""
    return _diagnose_with_heatmap(photo.key, identity(checkpoint), crop, photo, checkpoint)


@st.cache_data(max_entries=24, show_spinner=False)
def _diagnose_with_heatmap(
    key: str, model: str, crop: str | None, _photo: PhotoFile, _checkpoint: Checkpoint
) -> Diagnosis:
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


def track_record_of(diagnosis: Diagnosis, run: RunSnapshot, checkpoint: Checkpoint, crop: str | None) -> TrackRecord:
    """Recorded evaluation of the run that applies to a diagnosis."""
    photos, problem = None, None
    try:
        photos = _evaluated_photos(str(run.path), identity(checkpoint), crop, checkpoint)
    except RunError as error:
        problem = str(error)
    return track_record(diagnosis, Run(run.path), checkpoint, photos, problem)


@st.cache_data(max_entries=32, show_spinner=False)
def _evaluated_photos(path: str, model: str, crop: str | None, _checkpoint: Checkpoint) -> EvaluatedPhotos | None:
    return read_evaluated_photos(Run(Path(path)), _checkpoint, crop)
