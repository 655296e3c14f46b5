"""Intervals of a lesion area by split conformal prediction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvit.severity.intervals import AreaIntervals, conformal_quantile, stabilized, widest


def test_the_conformal_quantile_is_the_score_of_the_corrected_rank():
    scores = np.arange(1.0, 101.0)  # 100 scores: ceil(101 * 0.9) = 91
    assert conformal_quantile(scores, 0.1) == 91.0


def test_few_photos_take_the_rank_that_holds_with_confidence():
    # of 43 scores the 42nd: P(Binomial(43, 0.9) <= 41) = 0.938, and P(... <= 40) = 0.817 is under 0.9
    assert conformal_quantile(np.arange(1.0, 44.0), 0.1) == 42.0


def test_nine_in_ten_small_calibration_sets_cover_nine_in_ten_new_photos():
    rng = np.random.default_rng(0)
    covered = [conformal_quantile(rng.uniform(size=43), 0.1) >= 0.9 for _ in range(2000)]
    assert 0.92 < np.mean(covered) < 0.955  # 0.938


def test_too_few_photos_give_the_whole_scale():
    assert conformal_quantile(np.zeros(21), 0.1) == math.pi / 2
    assert conformal_quantile(np.zeros(22), 0.1) == 0.0
    assert AreaIntervals.fit(np.full(8, 0.3), np.full(8, 0.3)).interval(0.3) == pytest.approx((0.0, 1.0))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(30, 400))
def test_nine_in_ten_calibration_photos_lie_inside(seed, n):
    rng = np.random.default_rng(seed)
    true = rng.beta(1, 6, n)
    predicted = np.clip(true + rng.normal(0, 0.03, n), 0, 1)
    intervals = AreaIntervals.fit(predicted, true)
    bounds = np.array([intervals.interval(p) for p in predicted])
    inside = (bounds[:, 0] <= true + 1e-12) & (true <= bounds[:, 1] + 1e-12)
    assert inside.mean() >= 0.9


def test_coverage_on_new_photos_is_near_nine_in_ten():
    rng = np.random.default_rng(0)
    true = rng.beta(1, 6, 4000)
    predicted = np.clip(true + rng.normal(0, 0.02, 4000), 0, 1)
    intervals = AreaIntervals.fit(predicted[:2000], true[:2000])
    bounds = np.array([intervals.interval(p) for p in predicted[2000:]])
    inside = (bounds[:, 0] <= true[2000:]) & (true[2000:] <= bounds[:, 1])
    assert 0.88 < inside.mean() < 0.92


def test_areas_of_different_size_have_their_own_width():
    predicted = np.concatenate([np.full(100, 0.005), np.full(100, 0.5)])
    true = np.concatenate([np.full(100, 0.005), np.linspace(0.3, 0.7, 100)])
    intervals = AreaIntervals.fit(predicted, true)
    assert intervals.half_widths[0] == 0
    low, high = intervals.interval(0.5)
    assert high - low > 0.3


def test_intervals_survive_json():
    intervals = AreaIntervals.fit(np.linspace(0, 1, 300), np.linspace(0, 1, 300) ** 1.1)
    assert AreaIntervals.from_dict(intervals.to_dict()) == intervals


@pytest.mark.parametrize(
    "values",
    [{}, {"edges": [0.1], "half_widths": [0.1], "n": [3]}, {"edges": [], "half_widths": ["x"], "n": [1]}, {"edges": 3}],
)
def test_damaged_intervals_are_refused(values):
    with pytest.raises(ValueError, match="area intervals .* expected edges that rise"):
        AreaIntervals.from_dict(values)


def test_areas_outside_the_shares_and_no_photos_are_refused():
    with pytest.raises(ValueError, match="no photos"):
        AreaIntervals.fit(np.array([]), np.array([]))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        AreaIntervals.fit(np.array([1.2]), np.array([0.1]))


def test_the_widest_bounds_of_several_groups_hold_for_leaves_like_none_of_them():
    narrow = AreaIntervals((), (0.01,), (100,))
    wide = AreaIntervals((), (0.2,), (100,))
    assert widest([narrow, wide], 0.3) == wide.interval(0.3)


def test_the_scale_stabilizes_the_variance_of_a_share():
    assert stabilized(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, math.pi / 4, math.pi / 2])
