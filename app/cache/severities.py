"""Cached recorded severity of photos with masks, and its scores."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.cache.records import stamps
from hvit.runs import Run
from hvit.runs.layout import SEVERITY, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.severity import Estimate, SeverityScores, iou_difference, read_measured_photos, severity_scores
from hvit.severity.records import CLASSICAL, HEAD, MeasuredPhoto

SPLIT = "test"  # `training.segment` evaluates on it


def has_severity(record: RunSnapshot) -> bool:
    """Whether a run recorded severities."""
    return (record.path / in_split(SPLIT, SEVERITY)).is_file()


def measured_photos(record: RunSnapshot) -> list[MeasuredPhoto]:
    """Recorded rows, read-only.

    Raises:
        RunError: they are damaged.
    """
    return _measured(*_key(record))


def scores(record: RunSnapshot, data: str, method: str) -> SeverityScores:
    """Scores of one method on one data set."""
    return _scores(*_key(record), data, method)


def gain_over_classical(record: RunSnapshot, data: str) -> Estimate:
    """Symptom IoU of the head minus that of color thresholds, paired by photo.

    Undefined where the thresholds were not measured on the same photos.
    """
    return _gain(*_key(record), data)


def _key(record: RunSnapshot) -> tuple:
    return str(record.path), stamps(record, in_split(SPLIT, SEVERITY))


@st.cache_resource(max_entries=16, show_spinner=False)
def _measured(path: str, stamps: tuple) -> list[MeasuredPhoto]:
    return read_measured_photos(Run(Path(path)), SPLIT) or []


@st.cache_data(max_entries=64, show_spinner=False)
def _scores(path: str, stamps: tuple, data: str, method: str) -> SeverityScores:
    return severity_scores([r for r in _measured(path, stamps) if (r.data, r.method) == (data, method)])


@st.cache_data(max_entries=64, show_spinner=False)
def _gain(path: str, stamps: tuple, data: str) -> Estimate:
    rows = [r for r in _measured(path, stamps) if r.data == data]
    first, second = ([r for r in rows if r.method == method] for method in (CLASSICAL, HEAD))
    same = sorted(row.path for row in first) == sorted(row.path for row in second)
    return iou_difference(first, second) if first and same else Estimate(None, None)
