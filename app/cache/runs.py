"""Loaded models of runs, and the lock under which they compute."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.folders import runs_folder
from app.cache.records import all_records, stamps
from hvit.runs import DEFAULT_RUN, find_run, shortened
from hvit.runs.layout import CARD, WEIGHTS
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint


class InferenceLock:
    """Lock under which networks compute, with as many threads as there are free cores.

    One model serves every session; two passes at once would only slow each other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        from hvit.device import use_free_cores

        self._lock.acquire()
        use_free_cores()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def locked(self) -> bool:
        """Whether a network computes."""
        return self._lock.locked()


inference = InferenceLock()


def diagnosing_runs() -> list[RunSnapshot]:
    """Runs that can predict, the default one first."""
    runs = [record for record in all_records()[0] if record.can_predict]
    return sorted(runs, key=lambda run: (run.name != DEFAULT_RUN, run.name))


def unfinished_runs() -> list[RunSnapshot]:
    """Runs that cannot predict yet."""
    return [record for record in all_records()[0] if not record.can_predict]


def trouble_with(name: str) -> str:
    """The reason why a run cannot diagnose, in one sentence."""
    if Path(name).name != name or name in (".", ".."):
        return f"{shortened(name)} is not the name of a run."
    from hvit.runs.checkpoint import load_checkpoint

    try:
        load_checkpoint(find_run(name, runs_folder()).path)
    except ValueError as error:
        return str(error)
    return f"run {name} is ready now; reload this page"


def load_model(run: RunSnapshot) -> Checkpoint:
    """Loads the checkpoint of a run, once, and again when its files change.

    Raises:
        CheckpointError: the weights are missing, damaged or of another version.
    """
    return _load_model(str(run.path), stamps(run, WEIGHTS, CARD))


@st.cache_resource(max_entries=2, show_spinner=False)
def _load_model(path: str, stamps: tuple) -> Checkpoint:
    from hvit.runs.checkpoint import load_checkpoint

    return load_checkpoint(Path(path))


def identity(checkpoint: Checkpoint) -> str:
    """Cache key of a checkpoint: weight hash and calibration."""
    return json.dumps(checkpoint.card.to_dict(), sort_keys=True)
