"""Cached parts of a model card: notes, files to download, and the methods text for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.records import stamps
from hvit.runs import CONFIG, INFO, TEST_EVALUATIONS, Run, RunError
from hvit.runs.layout import CARD, SCORES, SPLIT, in_split
from hvit.runs.snapshot import RunSnapshot, parent_of
from hvit.untrusted import UntrustedFileError, inside, read_bytes

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.paper.methods import Methods

MAX_DOWNLOAD = 64 * 2**20  # bytes


def notes(record: RunSnapshot) -> str | None:
    """`notes.md` of a run; None where there is none."""
    return Run(record.path).notes()


def file_of(record: RunSnapshot, name: str, max_bytes: int = MAX_DOWNLOAD) -> bytes | None:
    """File of a run for download; None where it is missing.

    Raises:
        RunError: it is no regular file of the run, or larger than `max_bytes`.
    """
    try:
        return read_bytes(inside(record.path, name), max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UntrustedFileError as error:
        raise RunError(f"{name} of run {record.name} {error}") from None


def methods_of(record: RunSnapshot) -> Methods:
    """See `hvit.paper.methods`.

    Raises:
        RunError: the run recorded no configuration, or a record is damaged.
    """
    files = (INFO, CONFIG, CARD, SPLIT, in_split("test", SCORES), in_split("cv", SCORES), TEST_EVALUATIONS)
    return _methods(str(record.path), record.status, stamps(record, *files))


def markdown_of(record: RunSnapshot) -> str:
    """The model card as Markdown, see `hvit.paper.model_card`.

    Raises:
        RunError: the run recorded no predictions, or a record is damaged.
    """
    from hvit.paper.model_card import model_card

    return model_card(Run(record.path))


@st.cache_data(max_entries=16, show_spinner=False)
def _methods(path: str, status: str, stamps: tuple) -> Methods:
    from hvit.paper.methods import methods_of

    return methods_of(Run(Path(path)), parent_of(Run(Path(path))))
