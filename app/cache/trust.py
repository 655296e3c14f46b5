"""Cached risks of a run, and its audit of shortcuts."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.cache.records import stamps
from hvit.runs import CONFIG, Run
from hvit.runs.layout import AUDIT, CARD, DATA_CHECK, DISTANCES, PREDICTIONS, ROBUSTNESS, SPLIT, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.audit import Audit, read_audit
from hvit.scoring.trust import TrustLine, trust_lines


def trust_of(record: RunSnapshot, split: str) -> list[TrustLine]:
    """Five risks of a run, the worst first.

    Raises:
        RunError: a record of the run is damaged.
    """
    files = [in_split(split, name) for name in (PREDICTIONS, DISTANCES, ROBUSTNESS, AUDIT)]
    return _lines(str(record.path), split, stamps(record, *files, CARD, CONFIG, DATA_CHECK, SPLIT))


def audit_of(record: RunSnapshot, split: str) -> Audit | None:
    """Recorded audit of shortcuts; None without one.

    Raises:
        RunError: it is damaged.
    """
    return _audit(str(record.path), split, stamps(record, in_split(split, AUDIT)))


@st.cache_data(max_entries=64, show_spinner=False)
def _audit(path: str, split: str, stamps: tuple) -> Audit | None:
    return read_audit(Run(Path(path)), split)


@st.cache_data(max_entries=64, show_spinner=False)
def _lines(path: str, split: str, stamps: tuple) -> list[TrustLine]:
    return trust_lines(Run(Path(path)), split)
