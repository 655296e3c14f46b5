"""Agreement of raters against scikit-learn, published examples and a numerical delta method."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from hvit.scoring.agreement import Z_95, cohen_kappa, lin_concordance


def raters(table):
    pairs = [(str(i), str(j)) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=60))
def test_kappa_equals_that_of_scikit_learn(ratings):
    first, second = zip(*ratings)
    found = cohen_kappa(first, second)
    if found.value is None:
        assert len({*first, *second}) == 1
    else:
        assert found.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
        assert -1 <= found.low <= found.value + 1e-12 <= found.high + 2e-12 <= 1 + 2e-12


@pytest.mark.parametrize("table", [[[20, 5], [10, 15]], [[12, 3, 0], [2, 9, 4], [1, 1, 8]]])
def test_the_interval_of_kappa_is_that_of_the_delta_method(table):
    """The variance of a smooth function of multinomial shares: gradient' (diag(p) - p p') gradient / n."""
    counts = np.array(table, dtype=float)
    n, p = counts.sum(), (counts / counts.sum()).ravel()

    def kappa(shares):
        square = shares.reshape(counts.shape)
        expected = square.sum(1) @ square.sum(0)
        return (np.trace(square) - expected) / (1 - expected)

    steps = np.eye(len(p)) * 1e-6
    gradient = np.array([(kappa(p + step) - kappa(p - step)) / 2e-6 for step in steps])
    error = math.sqrt(gradient @ (np.diag(p) - np.outer(p, p)) @ gradient / n)
    found = cohen_kappa(*raters(table))
    assert found.value == pytest.approx(kappa(p))
    assert (found.high - found.low) / 2 == pytest.approx(Z_95 * error, rel=1e-4)


def test_kappa_of_a_textbook_table():
    """20, 5, 10, 15: observed 0.7, expected 0.5, kappa 0.4."""
    found = cohen_kappa(*raters([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4) and found.observed == pytest.approx(0.7) and found.n == 50


def test_a_few_equal_ratings_do_not_claim_certainty():
    """Four of four equal: Wilson 0.51 to 1; expected by chance 0.5."""
    found = cohen_kappa(["a", "a", "b", "b"], ["a", "a", "b", "b"])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx((4 / (4 + Z_95**2) - 0.5) / 0.5)


def test_kappa_of_one_class_alone_is_undefined():
    found = cohen_kappa(["a", "a"], ["a", "a"])
    assert (found.value, found.low, found.high, found.observed) == (None, None, None, 1.0)


def test_ratings_of_different_numbers_of_items_are_refused():
    with pytest.raises(ValueError, match="2 and 1 ratings"):
        cohen_kappa(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="0 and 0 measurements"):
        lin_concordance([], [])


def test_concordance_by_hand():
    """x = 1 2 3, y = 2 3 4: covariance 2/3, variances 2/3, shift 1: 2 * 2/3 / (4/3 + 1) = 4/7."""
    assert lin_concordance([1, 2, 3], [2, 3, 4]).value == pytest.approx(4 / 7)


def test_concordance_of_correlated_measurements_without_shift_is_the_correlation_of_equal_spreads():
    x = np.array([1.0, 2, 3, 4, 5, 6])
    y = np.array([2.0, 1, 4, 3, 6, 5])
    assert lin_concordance(x, y).value == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_the_interval_of_concordance_holds_the_true_value_in_95_of_100_samples():
    """True concordance of a bivariate normal: 2 r s t / (s^2 + t^2 + shift^2)."""
    rng = np.random.default_rng(0)
    r, s, t, shift, inside, trials = 0.9, 1.0, 1.2, 0.3, 0, 400
    true = 2 * r * s * t / (s**2 + t**2 + shift**2)
    for _ in range(trials):
        x = rng.normal(size=100)
        y = shift + t * (r * x + math.sqrt(1 - r**2) * rng.normal(size=100))
        found = lin_concordance(s * x, y)
        inside += found.low <= true <= found.high
    assert inside / trials == pytest.approx(0.95, abs=0.03)


def test_concordance_has_no_interval_where_it_is_undefined():
    assert lin_concordance([1, 1], [1, 1]).value is None
    assert lin_concordance([1, 2], [1, 2]).low is None
    constant = lin_concordance([1, 1, 1], [1, 2, 3])
    assert constant.value == 0 and constant.low is None
