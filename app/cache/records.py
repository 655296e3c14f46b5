"""What is recorded in the runs folder, with or without weights: read once, and again when its files change."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.cache.runs import runs_folder
from hvit.files import CARD
from hvit.runs import CONFIG, INFO, METRICS, Run, RunError, Trouble, material_of, status_of, survey
from hvit.untrusted import is_in_utf8

REMEMBERED = 512  # runs
MOST_SPLITS = 100  # of a run


@dataclass(frozen=True)
class Record:
    """A run as it stands in its folder.

    Attributes:
        path: its folder.
        status: at this moment: running, done, failed, preempted, stopped (said to run, but silent) or unknown.
        info: `run.json`.
        config: the resolved configuration; None where it is missing or damaged.
        card: `model.json`; None where there is none yet.
        splits: with recorded predictions, those that judge a run first: test, cv, then others by name.
        scored: splits with recorded scores, in the same order.
        problem: what of the run is damaged, in one sentence; None where nothing is.
    """

    name: str
    path: Path
    status: str
    info: dict
    config: dict | None
    card: dict | None
    splits: tuple[str, ...]
    scored: tuple[str, ...]
    problem: str | None

    @property
    def kind(self) -> str | None:
        return self.info.get("kind")

    @property
    def seed(self) -> int | None:
        seed = self.info.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def summary(self) -> dict:
        return self.info.get("summary", {})

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the model; empty where the run knows none."""
        return tuple((self.card or {}).get("classes") or ())

    @property
    def plants_known(self) -> bool | None:
        return self.info.get("plants_known")

    @property
    def learned_from(self) -> frozenset[str]:
        """See `hvit.runs.Run.learned_from`."""
        return material_of(self.config)


def all_records() -> tuple[list[Record], list[Trouble]]:
    """Every folder of the runs folder, by name: what can be read, and what cannot, with the reason."""
    runs, troubles = survey(runs_folder())
    records = []
    for run in runs:
        try:
            records.append(_record(run.path))
        except RunError as error:  # taken away or damaged since it was surveyed
            troubles.append(Trouble(run.name, str(error)))
    return records, troubles


def record_of(name: str) -> Record | None:
    """The record of a run of the runs folder, or None where there is none to read."""
    return next((record for record in all_records()[0] if record.name == name), None)


def curves(record: Record) -> list[dict]:
    """Rows of `metrics.jsonl`, in the order they were written.

    Raises:
        RunError: a line is damaged.
    """
    return _rows(str(record.path), stamp(record.path, METRICS))


def _record(path: Path) -> Record:
    info, config, card, problem = _parts(str(path), tuple(stamp(path, name) for name in (INFO, CONFIG, CARD)))
    predicted, scored = _recorded_splits(path, "predictions.parquet"), _recorded_splits(path, "metrics.json")
    return Record(path.resolve().name, path, status_of(info), info, config, card, predicted, scored, problem)


def stamp(path: Path, name: str) -> tuple[int, int]:
    """Changes when a file of a run does; (0, 0) where there is none."""
    try:
        found = (path / name).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _parts(path: str, stamps: tuple) -> tuple[dict, dict | None, dict | None, str | None]:
    """`run.json`, configuration and card, all only to be read, and why the configuration is missing."""
    run, config, problem = Run(Path(path)), None, None
    try:
        config = run.config
    except RunError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{CONFIG} of run {run.name} cannot be read: {error.strerror}"
    return run.info, config, run.model_card(), problem


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _rows(path: str, stamp: tuple[int, int]) -> list[dict]:
    return Run(Path(path)).metrics()


def _recorded_splits(path: Path, file: str) -> tuple[str, ...]:
    names = {found.parent.name for found in itertools.islice(path.glob(f"eval/*/{file}"), MOST_SPLITS)}
    names = {name for name in names if is_in_utf8(name)}
    return tuple(sorted(names, key=lambda name: (name != "test", name != "cv", name)))
