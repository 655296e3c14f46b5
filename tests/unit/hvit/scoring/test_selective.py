"""Risk-coverage curves and AURC, against sums by hand and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvit.scoring.selective import aurc, operating_point, risk_coverage, score_selective, threshold_at

photos = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40).map(
    lambda rows: (np.array([c for c, _ in rows]) / 8, np.array([right for _, right in rows]))
)


def test_aurc_by_hand():
    """Errors at ranks 2 and 4 of four: risks 0, 1/2, 1/3, 1/2."""
    confidence, correct = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    assert aurc(confidence, correct) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    scores = score_selective(confidence, correct)
    assert scores.best == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4) and scores.random == 0.5


def test_ties_share_their_errors():
    """Two photos of equal confidence, one wrong: half an error after the first of them."""
    curve = risk_coverage(np.array([0.5, 0.5]), np.array([True, False]))
    assert curve.risk.tolist() == [0.5, 0.5]


@given(photos, st.integers(0, 99))
def test_the_curve_does_not_depend_on_the_order_of_photos(drawn, seed):
    confidence, correct = drawn
    order = np.random.default_rng(seed).permutation(len(correct))
    one, other = risk_coverage(confidence, correct), risk_coverage(confidence[order], correct[order])
    assert one.risk.tolist() == pytest.approx(other.risk.tolist()) and one.coverage[-1] == 1


@given(photos)
def test_aurc_is_the_mean_over_all_orders_of_ties(drawn):
    """Brute force: random orders within ties, averaged, come to the exact value."""
    confidence, correct = drawn
    rng, values = np.random.default_rng(0), []
    for _ in range(400):
        order = np.lexsort((rng.random(len(correct)), -confidence))
        values.append((np.cumsum(~correct[order]) / np.arange(1, len(correct) + 1)).mean())
    assert aurc(confidence, correct) == pytest.approx(np.mean(values), abs=5 * np.std(values) / 20 + 1e-9)


@given(photos)
def test_aurc_lies_between_the_best_ranking_and_the_worst(drawn):
    confidence, correct = drawn
    scores = score_selective(confidence, correct)
    worst = (np.minimum(np.arange(1, len(correct) + 1), (~correct).sum()) / np.arange(1, len(correct) + 1)).mean()
    assert scores.best - 1e-12 <= scores.aurc <= worst + 1e-12
    assert risk_coverage(confidence, correct).risk[-1] == pytest.approx(scores.random)


def test_the_interval_holds_the_value_and_narrows_with_photos():
    rng = np.random.default_rng(0)

    def scores(n):
        confidence = rng.uniform(0.5, 1, n)
        return score_selective(confidence, rng.random(n) < confidence)

    few, many = scores(100), scores(10_000)
    assert few.aurc_ci[0] < few.aurc < few.aurc_ci[1] and many.aurc_ci[0] < many.aurc < many.aurc_ci[1]
    ratio = (few.aurc_ci[1] - few.aurc_ci[0]) / (many.aurc_ci[1] - many.aurc_ci[0])
    assert 5 < ratio < 20  # the square root of 100


@given(photos, st.integers(1, 20).map(lambda k: k / 20))
def test_a_threshold_reaches_the_requested_coverage(drawn, coverage):
    confidence, correct = drawn
    point = operating_point(confidence, correct, threshold_at(confidence, coverage))
    assert point.coverage >= coverage - 1e-12
    above = confidence >= point.threshold
    assert point.n == above.sum() and point.accuracy == pytest.approx(correct[above].mean())


def test_a_threshold_above_all_confidences_covers_nothing():
    point = operating_point(np.array([0.5]), np.array([True]), 0.9)
    assert (point.n, point.accuracy, point.accuracy_ci) == (0, None, None)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.5])
def test_a_coverage_outside_its_range_is_refused(coverage):
    with pytest.raises(ValueError, match="expected a share above 0"):
        threshold_at(np.array([0.5]), coverage)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 confidences for 1 photos"):
        risk_coverage(np.array([0.5, 0.6]), np.array([True]))
