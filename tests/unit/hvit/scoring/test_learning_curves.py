"""Learning curves."""

import numpy as np
import pytest

from hvit.scoring.learning_curves import Curve, band, curve, logged, smoothed

ROWS = [
    {"step": 1, "epoch": 0.5, "split": "train", "time_s": 2.0, "loss": 3.0, "lr": None},
    {"step": 3, "epoch": 1.5, "split": "train", "time_s": 6.0, "loss": 1.0},
    {"step": 2, "epoch": 1.0, "split": "train", "time_s": 4.0, "loss": 2.0, "note": "x", "early": True},
    {"step": 2, "epoch": 1.0, "split": "val", "time_s": 5.0, "top1": 0.5},
    {"split": "val", "top1": 0.6},
    {"step": 4, "split": "val", "top1": float("nan")},
]


def test_only_numbers_are_metrics():
    assert logged(ROWS) == [("train", "loss"), ("val", "top1")]


def test_a_curve_runs_along_its_axis():
    assert curve(ROWS, "train", "loss").x.tolist() == [1, 2, 3]
    assert curve(ROWS, "train", "loss", "time_s").y.tolist() == [3, 2, 1]
    assert curve(ROWS, "val", "top1").x.tolist() == [2] and len(curve(ROWS, "val", "loss")) == 0


def test_smoothing_by_hand():
    """Weight 0.5 of 1, 0, 1: 0.5 / 0.5; 0.25 / 0.75; 0.625 / 0.875."""
    assert smoothed(np.array([1.0, 0.0, 1.0]), 0.5) == pytest.approx([1, 1 / 3, 5 / 7])
    assert smoothed(np.array([1.0, 0.0]), 0.0).tolist() == [1, 0] and smoothed(np.full(9, 2.0), 0.9) == pytest.approx(2)
    with pytest.raises(ValueError, match="below 1"):
        smoothed(np.ones(3), 1.0)


def test_a_band_covers_what_all_seeds_have_reached():
    first = Curve(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 4.0]))
    second = Curve(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0]))
    both = band([first, second, Curve(np.array([]), np.array([]))])
    assert both.x.tolist() == [1, 2, 3]
    assert both.mean.tolist() == [2, 3, 4] and both.low.tolist() == [1, 2, 3] and both.high.tolist() == [3, 4, 5]
    assert band([]) is None and band([first, Curve(np.array([9.0]), np.array([1.0]))]) is None
