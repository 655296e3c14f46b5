"""Training photos of a run: counts, examples, and the report on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.records import stamp
from hvit.runs import CONFIG, INFO, Run
from hvit.runs.layout import CARD, DATA_CHECK, PREDICTIONS, SPLIT, in_split
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # imports cv2 and scikit-learn
    from hvit.data.inspection.balance import Balance, PhotoRole

EXAMPLES = 24
FILES = (SPLIT, CONFIG, INFO, CARD, in_split("test", PREDICTIONS))


def balance_of(record: RunSnapshot) -> Balance:
    """See `hvit.data.inspection.balance`.

    Raises:
        RunError: a record of the run is damaged.
    """
    return _balance(str(record.path), _stamps(record))


def examples_of(record: RunSnapshot, label: str, source: str | None, role: str | None) -> list[PhotoRole]:
    """Evenly sampled photos of a class.

    Args:
        source: a data set; None for all.
        role: a part they played; None for any.
    """
    fitting = [
        part
        for part in _parts(str(record.path), _stamps(record))
        if part.label == label and source in (None, part.source) and role in (None, part.role)
    ]
    step = max(1, len(fitting) // EXAMPLES)
    return fitting[::step][:EXAMPLES]


def check_of(record: RunSnapshot) -> dict | None:
    """Recorded report of `hvit data check`; None without one.

    Raises:
        RunError: it is damaged.
    """
    return _check(str(record.path), stamp(record.path, DATA_CHECK))


def _stamps(record: RunSnapshot) -> tuple:
    return tuple(stamp(record.path, name) for name in FILES)


@st.cache_resource(max_entries=8, show_spinner=False)
def _parts(path: str, stamps: tuple) -> Sequence[PhotoRole]:
    from hvit.data.inspection.balance import photo_roles

    return photo_roles(Run(Path(path)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _balance(path: str, stamps: tuple) -> Balance:
    from hvit.data.inspection.balance import count_roles, role_source

    return count_roles(_parts(path, stamps), role_source(Run(Path(path))))


@st.cache_resource(max_entries=32, show_spinner=False)
def _check(path: str, stamp: tuple) -> dict | None:
    from hvit.data.inspection.check import recorded_check

    return recorded_check(Run(Path(path)))
