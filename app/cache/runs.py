"""Runs and their models, each loaded once."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from hvit.runs import DEFAULT_RUN, Run, RunError, find_run, list_runs, shortened

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint

ROOT = Path(__file__).resolve().parents[2]

inference = threading.Lock()  # one model serves every session; two passes at once would only slow each other


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
    if Path(name).name != name or name in (".", ".."):
        return f"{shortened(name)} is not the name of a run."
    from hvit.runs.checkpoint import load_checkpoint

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
    from hvit.runs.checkpoint import load_checkpoint

    return load_checkpoint(Path(path))


def identity(checkpoint: Checkpoint) -> str:
    """Tells apart checkpoints that answer differently: the card holds calibration and the hashes of all weights."""
    return json.dumps(checkpoint.card, sort_keys=True)
