"""Cached recorded severity of photos with masks, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from app.cache.records import stamps
from hvit.runs import Run
from hvit.runs.layout import SEVERITY, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.severity import Estimate, SeverityScores, iou_difference, read_measured_photos, severity_scores
from hvit.severity.records import CLASSICAL, HEAD, MeasuredPhoto

SPLIT = "test"  # `training.segment` evaluates on it
SEGMENT = "segment"  # kind of its runs


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


def baselines(record: RunSnapshot, records: Sequence[RunSnapshot]) -> dict[str, RunSnapshot]:
    """Methods that the head of a run is compared with, and the runs that recorded them.

    Color thresholds, and encoders that were trained end to end.

    Raises:
        RunError: a record is damaged.
    """
    trained = [r for r in records if r.kind == SEGMENT and r.info.parent == record.name and has_severity(r)]
    return {CLASSICAL: record} | {row.method: run for run in trained for row in measured_photos(run)[:1]}


def measured_by_method(recorded: Mapping[str, RunSnapshot]) -> dict[str, list[MeasuredPhoto]]:
    """Recorded rows of each method of a run.

    Raises:
        RunError: a record is damaged.
    """
    return {method: [r for r in measured_photos(run) if r.method == method] for method, run in recorded.items()}


def gain_over(record: RunSnapshot, baseline: RunSnapshot, method: str, data: str) -> Estimate:
    """Symptom IoU of the head minus that of a method, paired by photo.

    Undefined where the method was not measured on the same photos.

    Args:
        baseline: the run that recorded the method; the run of the head itself records color thresholds.
    """
    return _gain(*_key(record), *_key(baseline), method, data)


def _key(record: RunSnapshot) -> tuple:
    return str(record.path), stamps(record, in_split(SPLIT, SEVERITY))


@st.cache_resource(max_entries=16, show_spinner=False)
def _measured(path: str, stamps: tuple) -> list[MeasuredPhoto]:
    return read_measured_photos(Run(Path(path)), SPLIT) or []


@st.cache_data(max_entries=64, show_spinner=False)
def _scores(path: str, stamps: tuple, data: str, method: str) -> SeverityScores:
    return severity_scores([r for r in _measured(path, stamps) if (r.data, r.method) == (data, method)])


@st.cache_data(max_entries=64, show_spinner=False)
def _gain(path: str, stamps: tuple, baseline: str, baseline_stamps: tuple, method: str, data: str) -> Estimate:
    first = [r for r in _measured(baseline, baseline_stamps) if (r.data, r.method) == (data, method)]
    second = [r for r in _measured(path, stamps) if (r.data, r.method) == (data, HEAD)]
    same = sorted(row.path for row in first) == sorted(row.path for row in second)
    return iou_difference(first, second) if first and same else Estimate(None, None)
