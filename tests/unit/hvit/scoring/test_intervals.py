"""Bootstrap intervals of scores."""

import numpy as np
import pytest

from hvit.scoring.intervals import accuracy_interval, class_f1_intervals, f1_resamples, macro_f1_interval
from hvit.scoring.metrics import wilson


def test_of_one_run_the_bootstrap_agrees_with_wilson():
    right = np.arange(1000)[None] < 800
    assert accuracy_interval(right) == pytest.approx(wilson(800, 1000), abs=0.004)


def test_runs_that_disagree_widen_the_interval():
    photos = np.arange(1000)[None]
    even, uneven = photos < np.full((3, 1), 800), photos < np.array([[700], [800], [900]])
    width = [high - low for low, high in (accuracy_interval(even), accuracy_interval(uneven))]
    assert width[1] > 2 * width[0]


def test_f1_draws_scatter_around_the_score():
    """Class 0: 40 photos, 30 found, 5 of class 1 taken for it: 60 / 75; class 1: 20 photos, 15 found: 30 / 45."""
    labels = np.repeat([0, 1], [40, 20])
    predicted = np.concatenate([np.repeat([0, 1], [30, 10]), np.repeat([0, 1], [5, 15])])
    draws = f1_resamples(labels, predicted[None], 3)
    assert draws[:, :2].mean(0) == pytest.approx([60 / 75, 30 / 45], abs=0.01) and np.isnan(draws[:, 2]).all()
    low, high = macro_f1_interval(draws)
    assert low < (60 / 75 + 30 / 45) / 2 < high and high - low == pytest.approx(0.24, abs=0.05)
    first, second, never = class_f1_intervals(draws)
    assert first[0] < 60 / 75 < first[1] and second[0] < 30 / 45 < second[1] and never is None
    assert second[1] - second[0] > first[1] - first[0]  # fewer photos
