"""Thresholds at other levels, from what a run recorded."""

import numpy as np
import pytest

from hvit.batches.set_levels import conformal_at
from hvit.calibration import softmax
from hvit.runs import Run
from hvit.runs.predictions import read_predictions
from hvit.verdicts import conformal_sets
from tests.support.recorded_runs import write_records


def test_sets_at_a_level_miss_at_most_that_share_of_the_recorded_photos(tmp_path):
    """12 photos at level 0.25: rank ceil(13 * 0.75) = 10 of the scores 1 - p(true)."""
    run = Run(write_records(tmp_path / "run"))
    found, predictions = conformal_at(run, 0.25), read_predictions(run, "test")
    scores = np.sort(1 - predictions.probs[np.arange(12), predictions.labels])
    assert found.threshold == pytest.approx(scores[9]) and found.alpha == 0.25
    sets = conformal_sets(predictions.probs, predictions.classes, found)
    assert sets[np.arange(12), predictions.labels].mean() >= 0.75


def test_a_stricter_level_never_has_shorter_sets(tmp_path):
    run = Run(write_records(tmp_path / "run"))
    probs = softmax(np.random.default_rng(0).normal(size=(50, 4)))
    classes = read_predictions(run, "test").classes
    sizes = [conformal_sets(probs, classes, conformal_at(run, alpha)).sum() for alpha in (0.5, 0.25, 0.1)]
    assert sizes == sorted(sizes)


def test_a_run_without_recorded_predictions_has_no_other_level(tiny_run):
    assert conformal_at(Run(tiny_run), 0.1) is None
