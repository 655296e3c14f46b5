"""Cached calibration, prediction sets, selective accuracy and distances of the recorded photos of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.cache.evaluations import key_of, predictions_of
from app.cache.records import stamps
from hvit.runs import Run
from hvit.runs.layout import CARD, DISTANCES, PREDICTIONS, in_split
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.calibration_curves import CalibrationScores, data_sets_of, score_calibration_by_group
from hvit.scoring.distances import Distances, detector_of, read_distances
from hvit.scoring.recorded_tables import splits_with
from hvit.scoring.selective import SelectiveScores, score_selective
from hvit.scoring.set_levels import SetScores, level_curve, near_limit, served_sets, sets_at_level

MAX_CACHED = 64


@dataclass(frozen=True)
class RecordedSets:
    """Prediction sets of the recorded photos of a run.

    Attributes:
        curve: error level and scores, the strictest first; empty where there are too few photos.
        served: sets as the run is served, (N, K) bool; None without thresholds.
        keep_two: photos near the limit of unfamiliar, (N,) bool, whose set holds two classes at least; None where the
            run has no such rule, or their distances are not recorded.
    """

    curve: list[tuple[float, SetScores]]
    served: np.ndarray | None
    keep_two: np.ndarray | None


def calibration_of(record: RunSnapshot, split: str) -> list[CalibrationScores]:
    """ECE, NLL and Brier score of all recorded photos, then of each data set."""
    return _calibration(*key_of(record, split), predictions_of(record, split))


def selective_of(record: RunSnapshot, split: str) -> list[tuple[str, SelectiveScores]]:
    """AURC of all recorded photos, then of each data set."""
    return _selective(*key_of(record, split), predictions_of(record, split))


def recorded_sets(record: RunSnapshot, split: str) -> RecordedSets:
    """Prediction sets at every level, and as the run is served.

    Raises:
        RunError: recorded distances are damaged.
    """
    files = in_split(split, PREDICTIONS), in_split(split, DISTANCES), CARD
    return _sets(str(record.path), split, stamps(record, *files), predictions_of(record, split))


def sets_at(record: RunSnapshot, split: str, alpha: float) -> np.ndarray:
    """Prediction sets (N, K) bool at an error level, cross-fitted."""
    predictions = predictions_of(record, split)
    assert predictions is not None
    return sets_at_level(predictions, alpha, recorded_sets(record, split).keep_two)


def distance_splits(record: RunSnapshot) -> tuple[str, ...]:
    """Splits with recorded distances."""
    return splits_with(record.path, DISTANCES)


def distances_of(record: RunSnapshot, split: str) -> Distances | None:
    """Recorded out-of-distribution scores by the detector the run has now; None where there are none.

    Raises:
        RunError: they are damaged.
    """
    return _distances(*_distances_key(record, split))


def data_sets(predictions: Predictions) -> np.ndarray:
    """Data set name of each photo, (N,) text."""
    return data_sets_of(predictions.paths)


def _distances_key(record: RunSnapshot, split: str) -> tuple:
    return str(record.path), split, stamps(record, in_split(split, DISTANCES), CARD)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _calibration(path: str, split: str, stamps: tuple, _predictions: Predictions) -> list[CalibrationScores]:
    return score_calibration_by_group(_predictions.probs, _predictions.labels, data_sets_of(_predictions.paths))


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _selective(path: str, split: str, stamps: tuple, _predictions: Predictions) -> list[tuple[str, SelectiveScores]]:
    groups, confidence, right = data_sets_of(_predictions.paths), _predictions.confidence, _predictions.correct
    parts = [("all", score_selective(confidence, right))]
    if len(names := np.unique(groups)) > 1:
        parts += [(str(n), score_selective(confidence[groups == n], right[groups == n])) for n in names]
    return parts


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _sets(path: str, split: str, stamps: tuple, _predictions: Predictions) -> RecordedSets:
    run = Run(Path(path))
    card = run.model_card()
    distances = read_distances(run, split, detector_of(card))
    keep_two = near_limit(_predictions.sha256, distances, None if card is None else card.ood)
    served = served_sets(_predictions, None if card is None else card.conformal, keep_two)
    return RecordedSets(level_curve(_predictions, keep_two), served, keep_two)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _distances(path: str, split: str, stamps: tuple) -> Distances | None:
    run = Run(Path(path))
    return read_distances(run, split, detector_of(run.model_card()))
