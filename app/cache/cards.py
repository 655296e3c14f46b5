"""What the card of a run shows beside its files: recorded scores with intervals, notes, and the words for a paper."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.records import Record, stamp
from hvit.files import CARD, WEIGHTS
from hvit.runs import CONFIG, INFO, TEST_EVALUATIONS, Run, RunError
from hvit.runs.predictions import read_answers
from hvit.scoring.intervals import Interval, f1_draws, macro_f1_interval
from hvit.untrusted import UntrustedFileError, inside, read_bytes

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.paper.methods import Methods

NOTES = "notes.md"
MAX_NOTES, MAX_DOWNLOAD = 2**20, 64 * 2**20  # bytes


@dataclass(frozen=True)
class Judged:
    """Recorded scores of a run.

    Attributes:
        split: what it was judged on.
        document: of `hvit evaluate --json`, as recorded.
        macro_f1_ci: bootstrap over photos; None where the answers are not in this copy.
        times_read: how often test was scored; None where the run does not say.
    """

    split: str
    document: dict
    macro_f1_ci: Interval | None
    times_read: int | None


def judged(record: Record) -> Judged | None:
    """The recorded scores on what judges the run first: test, else cross-validation; None where there are none.

    Raises:
        RunError: they are damaged.
    """
    split = next((name for name in record.scored if name in ("test", "cv")), None)
    if split is None:
        return None
    files = (f"eval/{split}/metrics.json", f"eval/{split}/predictions.parquet", TEST_EVALUATIONS, CARD)
    return _judged(str(record.path), split, tuple(stamp(record.path, name) for name in files))


@st.cache_resource(max_entries=64, show_spinner=False)
def _judged(path: str, split: str, stamps: tuple) -> Judged:
    run = Run(Path(path))
    document = run.evaluation(split)
    if not isinstance(document, dict) or not {"n", "top1", "macro_f1"} <= set(document):
        raise RunError(f"eval/{split}/metrics.json of run {run.name} is damaged; copy the run again")
    answers, interval = read_answers(run, split), None
    if answers is not None:
        interval = macro_f1_interval(f1_draws(answers.labels, answers.predicted[None], len(answers.classes)))
    return Judged(split, document, interval, len(run.test_evaluations()) or None)


def refuse_incomplete(record: Record) -> None:
    """Checks that the card of a run, where it has one, holds all that the page and a model need.

    Raises:
        CheckpointError: it lacks something, or is of another version.
    """
    if record.card is not None:
        _complete_card(str(record.path), stamp(record.path, CARD))


@st.cache_data(max_entries=256, show_spinner=False)
def _complete_card(path: str, stamp: tuple) -> None:
    from hvit.runs.checkpoint import read_card

    read_card(Path(path))


def has_weights(record: Record) -> bool:
    """Whether the weights are in this copy."""
    return (record.path / WEIGHTS).is_file()


def notes(record: Record) -> str | None:
    """`notes.md`: what a reader of the figures must know, in words; None where there is none."""
    found = file_of(record, NOTES, MAX_NOTES)
    return None if found is None else found.decode(errors="replace")


def file_of(record: Record, name: str, max_bytes: int = MAX_DOWNLOAD) -> bytes | None:
    """A file of the run to be downloaded, or None where it is not there.

    Raises:
        RunError: it is no regular file of the run, or larger than `max_bytes`.
    """
    try:
        return read_bytes(inside(record.path, name), max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UntrustedFileError as error:
        raise RunError(f"{name} of run {record.name} {error}") from None


def methods_of(record: Record) -> Methods:
    """See `hvit.paper.methods`.

    Raises:
        RunError: the run recorded no configuration, or what it recorded is damaged.
    """
    files = (INFO, CONFIG, CARD, "split.csv", "eval/test/metrics.json", "eval/cv/metrics.json", TEST_EVALUATIONS)
    return _methods(str(record.path), record.status, tuple(stamp(record.path, name) for name in files))


@st.cache_data(max_entries=16, show_spinner=False)
def _methods(path: str, status: str, stamps: tuple) -> Methods:
    from hvit.paper.methods import methods_of

    return methods_of(Run(Path(path)), parent_of(Run(Path(path))))


def parent_of(run: Run) -> Run | None:
    """The run its weights come from, where that lies beside it."""
    name = run.info.get("parent")
    if not isinstance(name, str) or Path(name).name != name or not os.path.lexists(run.path.parent / name / INFO):
        return None
    return Run(run.path.parent / name)
