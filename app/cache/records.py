"""Cached snapshots of the runs folder: files are read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from app.cache.folders import runs_folder
from hvit.runs import CONFIG, INFO, METRICS, Run, RunError, Trouble, survey
from hvit.runs.layout import CARD
from hvit.runs.snapshot import RecordedParts, RunSnapshot, read_parts, take_snapshot

MAX_CACHED = 512  # runs


def missing_folder() -> str | None:
    """Error sentence where `HVIT_RUNS` is not a folder; None otherwise."""
    if os.environ.get("HVIT_RUNS") and not runs_folder().is_dir():
        return f"HVIT_RUNS is {runs_folder()}, and there is no such folder: make it, or start again without HVIT_RUNS."
    return None


def all_records() -> tuple[list[RunSnapshot], list[Trouble]]:
    """All subfolders of the runs folder by name: snapshots, and unreadable ones with the reason."""
    runs, troubles = survey(runs_folder())
    records = []
    for run in runs:
        try:
            records.append(_snapshot(run.path))
        except RunError as error:  # taken away or damaged since it was surveyed
            troubles.append(Trouble(run.name, str(error)))
    return records, troubles


def record_of(name: str) -> RunSnapshot | None:
    """The run of this name in the runs folder; None where it is missing or unreadable."""
    return next((record for record in all_records()[0] if record.name == name), None)


def curves(record: RunSnapshot) -> list[dict]:
    """Rows of `metrics.jsonl`, in order.

    Raises:
        RunError: a line is damaged.
    """
    return _rows(str(record.path), stamp(record.path, METRICS))


def stamp(path: Path, name: str) -> tuple[int, int]:
    """Modification time and size of a file as a cache key; (0, 0) where it is missing."""
    try:
        found = (path / name).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def stamps(record: RunSnapshot, *names: str) -> tuple[tuple[int, int], ...]:
    """`stamp` of several files of a run."""
    return tuple(stamp(record.path, name) for name in names)


def _snapshot(path: Path) -> RunSnapshot:
    return take_snapshot(path, _parts(str(path), tuple(stamp(path, name) for name in (INFO, CONFIG, CARD))))


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _parts(path: str, stamps: tuple) -> RecordedParts:
    return read_parts(Run(Path(path)))


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _rows(path: str, stamp: tuple[int, int]) -> list[dict]:
    return Run(Path(path)).metrics()
