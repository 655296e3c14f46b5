"""Cached results of batches, and their worker processes."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.folders import batches_folder, runs_folder
from app.cache.records import stamp
from hvit.batches import Batch, list_batches
from hvit.batches.choices import chosen_crops, read_notes
from hvit.batches.layout import CROPS, NOTES, PHOTOS, SETTINGS
from hvit.batches.photos import BatchPhoto, read_photos, thumbnail_path
from hvit.batches.progress import Progress, is_scoring, read_progress, request_stop, stop_requested
from hvit.batches.results import WAITING, Results, derive_results
from hvit.batches.scores import ScoreReader, ScoreTable
from hvit.batches.set_levels import conformal_at
from hvit.batches.worker import start_worker
from hvit.runs import Run, RunError, Trouble, find_run
from hvit.runs.layout import CARD

if TYPE_CHECKING:
    from hvit.severity.bounds import AreaBounds

MAX_CACHED = 16  # batches


@dataclass(frozen=True)
class Scoring:
    """Progress of a batch.

    Attributes:
        total, done: photos of the batch, and those with scores.
        is_running: a process scores it now.
        was_stopped: a user stopped it.
        left_s: seconds until all have scores; None while the speed is unknown.
        threads: the process works with.
        problem: why the last process ended too early, or None.
    """

    total: int
    done: int
    is_running: bool
    was_stopped: bool
    left_s: float | None
    threads: int
    problem: str | None

    @property
    def waiting(self) -> int:
        return self.total - self.done


def all_batches() -> tuple[list[Batch], list[Trouble]]:
    """All batches, newest first, and the unreadable subfolders."""
    return list_batches(batches_folder())


def run_of(batch: Batch) -> Run | None:
    """The run that scores a batch; None where it is missing."""
    try:
        return find_run(batch.run, runs_folder())
    except RunError:
        return None


def run_with_weights_of(batch: Batch) -> Run | None:
    """The run that scores a batch, as it was then; None where it is missing or has other weights by now."""
    run = run_of(batch)
    try:
        card = None if run is None else run.model_card()
    except RunError:
        return None
    return run if card is not None and card.sha256 == batch.run_sha256 else None


def photos_of(batch: Batch) -> list[BatchPhoto]:
    """Photos of a batch.

    Raises:
        BatchError: the list is damaged.
    """
    return _photos(str(batch.path), stamp(batch.path, PHOTOS), batch)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _photos(path: str, stamp: tuple, _batch: Batch) -> list[BatchPhoto]:
    return read_photos(_batch)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _reader(path: str, created: str, _batch: Batch) -> ScoreReader:
    return ScoreReader(_batch)


def scores_of(batch: Batch) -> ScoreTable:
    """All scores so far.

    Raises:
        BatchError: they cannot be read.
    """
    return _reader(str(batch.path), batch.created, batch).read()


def results_of(batch: Batch) -> Results:
    """Results of a batch for the chosen crops and level.

    Raises:
        ValueError: a file of the batch is damaged.
    """
    scores = scores_of(batch)
    stamps = tuple(stamp(batch.path, name) for name in (PHOTOS, CROPS, SETTINGS))
    stamps += (stamp(runs_folder() / batch.run, CARD),)
    return _results(str(batch.path), batch.created, len(scores), id(scores), stamps, batch, scores)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _results(
    path: str, created: str, num_scores: int, scores_id: int, stamps: tuple, _batch: Batch, _scores: ScoreTable
) -> Results:
    conformal, alpha = None, _batch.alpha()
    if alpha is not None and (run := run_with_weights_of(_batch)) is not None:
        conformal = conformal_at(run, alpha)
    crops = chosen_crops(_batch)
    bounds = _bounds_of(_batch) if crops else None
    return derive_results(read_photos(_batch), _scores, _batch.rules, crops, conformal, bounds)


def _bounds_of(batch: Batch) -> AreaBounds | None:
    """Area intervals of the run that measured a batch; None where it is gone, has other weights by now or no head."""
    run = run_with_weights_of(batch)
    card = None if run is None else run.model_card()
    if card is None or card.severity is None:
        return None
    from hvit.severity.storage import read_bounds  # imports torch, which the first frame does not wait for

    try:
        return read_bounds(card.severity)
    except ValueError:  # a damaged record has no head, and diagnosis goes on without areas
        return None


def notes_of(batch: Batch) -> dict[str, str]:
    """Note by path of a photo."""
    return _notes(str(batch.path), batch.created, stamp(batch.path, NOTES), batch)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _notes(path: str, created: str, stamp: tuple, _batch: Batch) -> dict[str, str]:
    return read_notes(_batch)


def thumbnail(batch: Batch, path: str) -> bytes | None:
    """JPEG thumbnail of a scored photo; None where there is none."""
    file = thumbnail_path(batch, path)
    return _thumbnail(str(file), stamp(file.parent, file.name))


@st.cache_data(max_entries=5000, show_spinner=False)
def _thumbnail(file: str, stamp: tuple) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None


def thumbnail_uri(batch: Batch, path: str) -> str | None:
    """Thumbnail as a data URI."""
    jpeg = thumbnail(batch, path)
    return None if jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


@st.cache_resource(show_spinner=False)
def _workers() -> dict[str, subprocess.Popen]:
    """Worker processes of this server by batch folder; each exits when its standard input is closed."""
    return {}


def start(batch: Batch, again: bool = False) -> None:
    """Starts or continues to score a batch.

    Args:
        again: also photos that could not be read before.
    Raises:
        BatchError: the folder of the batch cannot be written.
    """
    _workers()[str(batch.path)] = start_worker(batch, runs_folder(), again)


def stop(batch: Batch) -> None:
    """Asks the worker of a batch to end; photos in flight are finished."""
    request_stop(batch.path)


def resume_interrupted(batch: Batch, scoring: Scoring) -> bool:
    """Continues a batch once after an interruption such as a restart, unless it was stopped.

    Returns:
        Whether it was started.
    """
    if scoring.is_running or scoring.was_stopped or not scoring.waiting or str(batch.path) in _workers():
        return False
    start(batch)
    return True


def forget(batch: Batch) -> None:
    """Clears the cache of a deleted batch: another may take its name."""
    _workers().pop(str(batch.path), None)


def scoring_of(batch: Batch) -> Scoring:
    """Progress of a batch, read from its folder: the same in every window."""
    photos = photos_of(batch)
    done = int((results_of(batch).verdicts != WAITING).sum())
    worker = _workers().get(str(batch.path))
    is_running = is_scoring(batch.path) or (worker is not None and worker.poll() is None)
    progress = read_progress(batch.path) or Progress(0, 0, None)
    problem = progress.error
    if problem is None and worker is not None and not is_running and worker.returncode not in (0, None):
        problem = f"the process that scores ended with status {worker.returncode}"
    left_s = progress.left_s(len(photos) - done) if is_running else None
    return Scoring(
        len(photos), done, is_running, stop_requested(batch.path), left_s, progress.threads,
        None if is_running else problem,
    )  # fmt: skip
