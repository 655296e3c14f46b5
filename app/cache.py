"""The only file that calls the library: runs, models and diagnoses, each remembered."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import drawn, evidence, pictures, words
from app.photo_files import PhotoFile
from hvit.commands.predict import csv_row
from hvit.commands.terminal import to_csv
from hvit.data.classes import crop_of, select_crop
from hvit.data.leafsim import Address
from hvit.data.photos import decode_photo
from hvit.runs import DEFAULT_RUN, Run, RunError, find_run, list_runs

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.checkpoint import Checkpoint
    from hvit.diagnosis import Diagnosis

ROOT = Path(__file__).resolve().parents[1]
BATCH_SIZE = 8
REMEMBERED = 5000

_inference = threading.Lock()  # one model serves every session; two passes at once would only slow each other


@dataclass(frozen=True)
class RunChoice:
    """A run one can diagnose with.

    Attributes:
        classes: in the order of the model.
        learned_from: "photos", "drawings" or both; empty where the run does not say.
        plants_known: whether photos were held out plant by plant; None where the run does not say.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    learned_from: frozenset[str]
    plants_known: bool | None = None


@dataclass(frozen=True)
class Facts:
    """What a run recorded about answers like the present one; None where it recorded nothing.

    Args:
        material: what the run learned from and was judged on, in words.
        judged_on: "test", or "cv" where each photo was judged by a model that had not seen it.
        problem: why the record could not be read.
    """

    calibrated: bool
    usual_distance: float | None
    named_rightly: evidence.Count | None
    lists_held: evidence.Count | None
    top1: evidence.Count | None
    material: str
    judged_on: str | None
    problem: str | None


@dataclass(frozen=True)
class Result:
    """A diagnosis for the list: without pictures, but for a thumbnail as JPEG."""

    diagnosis: Diagnosis
    thumbnail: bytes | None


def runs_folder() -> Path:
    """`$HVIT_RUNS`, or `runs` of this project."""
    return Path(os.environ["HVIT_RUNS"]) if os.environ.get("HVIT_RUNS") else ROOT / "runs"


def diagnosing_runs() -> list[RunChoice]:
    """Runs with weights and a model card, the default one first."""
    choices = []
    for run in list_runs(runs_folder()):
        card = run.model_card() if run.can_predict else None
        if card and "classes" in card:
            choices.append(RunChoice(run.name, run.path, tuple(card["classes"]), _learned_from(run), run.plants_known))
    return sorted(choices, key=lambda choice: (choice.name != DEFAULT_RUN, choice.name))


def _learned_from(run: Run) -> frozenset[str]:
    """A damaged configuration says nothing; it does not keep a run from diagnosing."""
    config = run.path / "config.yaml"
    return _said_by_config(str(run.path), config.stat().st_mtime_ns if config.exists() else 0)


@st.cache_data(max_entries=256, show_spinner=False)
def _said_by_config(path: str, stamp: int) -> frozenset[str]:
    try:
        return Run(Path(path)).learned_from
    except RunError:
        return frozenset()


def unfinished_runs() -> list[tuple[str, str]]:
    """Name and status of the runs that cannot diagnose yet."""
    return [(run.name, _state(run)) for run in list_runs(runs_folder()) if not run.can_predict]


def _state(run: Run) -> str:
    without_labels = run.status == "done" and run.info.get("kind") == "pretrain"
    return "learned without labels, knows no classes yet" if without_labels else run.status


def trouble_with(name: str) -> str:
    """Why no diagnosis can be made with the run of this name, in one sentence."""
    if Path(name).name != name:
        return f"{name} is not the name of a run."
    from hvit.checkpoint import load_checkpoint

    try:
        load_checkpoint(find_run(name, runs_folder()).path)
    except ValueError as error:
        return str(error)
    return f"run {name} is ready now; reload this page"


def load_model(run: RunChoice) -> Checkpoint:
    """The checkpoint of a run, loaded once and again when its weights change.

    Raises:
        CheckpointError: the weights are missing, damaged or of another version.
    """
    files = [run.path / name for name in ("model.safetensors", "model.json")]
    stamps = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return _load_model(str(run.path), stamps)


@st.cache_resource(max_entries=2, show_spinner=False)
def _load_model(path: str, stamps: tuple[int, ...]) -> Checkpoint:
    from hvit.checkpoint import load_checkpoint

    return load_checkpoint(Path(path))


def _identity(checkpoint: Checkpoint) -> str:
    """Tells apart checkpoints that answer differently: the card holds calibration and the hashes of all weights."""
    return json.dumps(checkpoint.card, sort_keys=True)


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
    from hvit.diagnosis import diagnose_many

    memory, model = _results(), _identity(checkpoint)
    keys = [(photo.key, model, crop) for photo in photos]
    missing = [(key, photo) for key, photo in zip(keys, photos) if key not in memory]
    for start in range(0, len(missing), BATCH_SIZE):
        progress(len(photos) - len(missing) + start, len(photos))
        batch = missing[start : start + BATCH_SIZE]
        data = [_bytes_of(photo) for _, photo in batch]
        with _inference:
            done = list(diagnose_many(checkpoint, data, crop=crop, batch_size=BATCH_SIZE))
        for (key, _), diagnosis in zip(batch, done):
            _remember(memory, key, _without_pictures(diagnosis))
    return [memory[key] for key in keys]


@st.cache_resource(show_spinner=False)
def _results() -> OrderedDict[tuple, Result]:
    return OrderedDict()


def _remember(memory: OrderedDict, key: tuple, result: Result) -> None:
    memory[key] = result
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


def _without_pictures(diagnosis: Diagnosis) -> Result:
    small = None if diagnosis.pixels is None else pictures.thumbnail(diagnosis.pixels)
    return Result(dataclasses.replace(diagnosis, pixels=None, heatmap=None), small)


def _bytes_of(photo: PhotoFile) -> bytes:
    if photo.address is not None and photo.data is None:
        return _drawing(str(photo.address)).png
    try:
        return photo.read()
    except OSError:
        return b""  # gone since it was listed: read as an empty file, which its row then says


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawing(address: str) -> drawn.Drawing:
    return drawn.make(Address.parse(address))


def drawing_of(photo: PhotoFile, box: pictures.Box | None = None) -> drawn.Drawing | None:
    """The truth about a drawn leaf, or about the part of it inside `box`; None for a photo."""
    if photo.address is None:
        return None
    whole = _drawing(str(photo.address))
    return whole if box is None else whole.cut(box)


def as_shown(photo: PhotoFile, box: pictures.Box | None) -> PhotoFile:
    """The photo, or the leaf cut out of it as a photo of its own."""
    return photo if box is None else _cut_out(photo.key, box, photo)


@st.cache_data(max_entries=64, show_spinner=False)
def _cut_out(key: str, box: pictures.Box, _photo: PhotoFile) -> PhotoFile:
    name = Path(_photo.name)
    data = pictures.cut_out(decode_photo(_bytes_of(_photo)).pixels, box)
    suffix = "" if _photo.address else ".png"
    return PhotoFile(f"{name.stem} (cut){suffix}", f"{key}@{box}", data, address=_photo.address)


def look_closely(photo: PhotoFile, checkpoint: Checkpoint, crop: str | None) -> Diagnosis:
    """The diagnosis of one photo with its pixels at screen size and its heatmap."""
    return _look_closely(photo.key, _identity(checkpoint), crop, photo, checkpoint)


@st.cache_data(max_entries=24, show_spinner=False)
def _look_closely(key: str, model: str, crop: str | None, _photo: PhotoFile, _checkpoint: Checkpoint) -> Diagnosis:
    from hvit.diagnosis import diagnose

    data = _bytes_of(_photo)
    with _inference:
        diagnosis = diagnose(_checkpoint, data, crop=crop, overlay=True)
    if diagnosis.pixels is None:
        return diagnosis
    heatmap = diagnosis.heatmap  # None where the run has no attention to follow
    small = None if heatmap is None else pictures.shrunk(heatmap, pictures.HEATMAP_PX)
    return dataclasses.replace(diagnosis, pixels=pictures.shrunk(diagnosis.pixels, pictures.SHOWN_PX), heatmap=small)


@st.cache_data(max_entries=24, show_spinner=False)
def _whole_photo(key: str, _photo: PhotoFile) -> np.ndarray:
    return pictures.shrunk(decode_photo(_bytes_of(_photo)).pixels, pictures.SHOWN_PX)


def whole_photo(photo: PhotoFile) -> np.ndarray:
    """The upright photo at screen size, (H, W, 3) uint8, to choose a leaf in."""
    return _whole_photo(photo.key, photo)


def facts_about(diagnosis: Diagnosis, run: RunChoice, checkpoint: Checkpoint, crop: str | None) -> Facts:
    """Everything the run recorded that bears on this answer."""
    past, problem = None, None
    try:
        past = _past_results(str(run.path), _identity(checkpoint), crop, checkpoint)
    except RunError as error:
        problem = str(error)
    answered = past is not None and diagnosis.label is not None
    return Facts(
        calibrated=checkpoint.card["temperature"] is not None,
        usual_distance=checkpoint.card["ood"]["threshold"] if checkpoint.card["ood"] else None,
        named_rightly=evidence.named_rightly(past, diagnosis.probability) if answered else None,
        lists_held=evidence.lists_held_the_name(past) if answered else None,
        material=words.material(run.learned_from),
        judged_on=Run(run.path).judged_on,
        top1=evidence.top1(past.of_crop(crop_of(diagnosis.label))) if answered else None,
        problem=problem,
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _past_results(path: str, model: str, crop: str | None, _checkpoint: Checkpoint) -> evidence.Scored | None:
    """The photos a run was judged on; with a crop, those of that crop, answered as if it had been chosen."""
    from hvit.calibration import prediction_set, softmax

    run = Run(Path(path))
    if run.judged_on is None:
        return None
    recorded = run.predictions(run.judged_on)
    classes = list(_checkpoint.classes)
    labels = np.array([classes.index(name) for name in recorded["label"]], dtype=int)
    logits = np.array(recorded["logits"], dtype=np.float64).reshape(len(labels), len(classes))
    if crop is not None:
        possible = select_crop(classes, crop)
        own = possible[labels]
        logits, labels = np.where(possible, logits[own], -np.inf), labels[own]
    probs = softmax(logits, _checkpoint.temperature)
    threshold = _checkpoint.conformal["threshold"] if _checkpoint.conformal else 0.0
    crop_of_photo = np.array([crop_of(classes[label]) for label in labels], dtype=str)
    return evidence.scored(probs, labels, prediction_set(probs, threshold), crop_of_photo)


def table_of(rows: Sequence[dict]) -> bytes:
    """Rows of diagnoses as the CSV that `hvit predict --csv` writes."""
    return to_csv([csv_row(row) for row in rows])
