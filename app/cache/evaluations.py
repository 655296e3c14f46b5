"""Cached predictions of runs, and the scores computed from them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.cache.records import stamp, stamps
from hvit.runs import TEST_EVALUATIONS, Run
from hvit.runs.layout import CARD, PREDICTIONS, SCORES, in_split
from hvit.runs.predictions import Predictions, read_predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.recorded_scores import (
    RecordedEvaluation,
    SplitScores,
    read_recorded_evaluation,
    score_predictions,
)

MAX_CACHED = 128


def key_of(record: RunSnapshot, split: str) -> tuple:
    """A cache key of the predictions of a run on a split."""
    return str(record.path), split, stamps(record, in_split(split, PREDICTIONS), CARD)


def predictions_of(record: RunSnapshot, split: str) -> Predictions | None:
    """The recorded predictions of a run on a split, not to be changed; None where there are none.

    Raises:
        RunError: they are damaged or do not fit the run.
    """
    return _predictions(*key_of(record, split))


def scores_of(record: RunSnapshot, split: str) -> SplitScores | None:
    """Scores of the recorded predictions; None where there are none.

    Raises:
        RunError: see `predictions_of`.
    """
    predictions = predictions_of(record, split)
    return None if predictions is None else _scores(*key_of(record, split), predictions)


def recorded_evaluation(record: RunSnapshot) -> RecordedEvaluation | None:
    """The recorded scores on test, else of cross-validation; None where there are none.

    Raises:
        RunError: they are damaged.
    """
    split = next((name for name in record.scored if name in ("test", "cv")), None)
    if split is None:
        return None
    files = (in_split(split, SCORES), in_split(split, PREDICTIONS), TEST_EVALUATIONS, CARD)
    return _recorded_evaluation(str(record.path), split, stamps(record, *files))


def test_evaluations(record: RunSnapshot) -> list[dict]:
    """One row for each evaluation on test.

    Raises:
        RunError: the file is damaged.
    """
    return _evaluations(str(record.path), stamp(record.path, TEST_EVALUATIONS))


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _predictions(path: str, split: str, stamps: tuple) -> Predictions | None:
    return read_predictions(Run(Path(path)), split)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _scores(path: str, split: str, stamps: tuple, _predictions: Predictions) -> SplitScores:
    return score_predictions(_predictions)


@st.cache_resource(max_entries=64, show_spinner=False)
def _recorded_evaluation(path: str, split: str, stamps: tuple) -> RecordedEvaluation:
    return read_recorded_evaluation(Run(Path(path)), split)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _evaluations(path: str, stamp: tuple) -> list[dict]:
    return Run(Path(path)).test_evaluations()
