"""Agreement of two measurements."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hvit.models.torchvision_ops import declare_missing_torchvision_ops
from hvit.scoring.concordance import concordance_correlation, limits_of_agreement

declare_missing_torchvision_ops()  # before torchmetrics, which imports torchvision

from torchmetrics.functional import concordance_corrcoef  # noqa: E402


def test_concordance_of_a_worked_example():
    # x = 1..4, y = 2..5: equal variances 1.25, covariance 1.25, means 1 apart: 2.5 / (2.5 + 1)
    assert concordance_correlation(np.arange(1, 5), np.arange(2, 6)) == pytest.approx(2.5 / 3.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_concordance_is_symmetric_and_at_most_the_correlation(pairs):
    x, y = np.array(pairs).T
    value = concordance_correlation(x, y)
    assert value == concordance_correlation(y, x)
    if value is not None and x.std() > 1e-6 and y.std() > 1e-6:
        assert abs(value) <= abs(np.corrcoef(x, y)[0, 1]) + 1e-9


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_concordance_is_that_of_lins_other_formula(pairs):
    # 1 - mean of (x - y)^2 / its expectation for independent x and y (Lin 1989, equation 4)
    x, y = np.array(pairs).T
    expected = np.mean((x[:, None] - y[None, :]) ** 2)
    value = concordance_correlation(x, y)
    if expected > 1e-9:
        assert value == pytest.approx(1 - np.mean((x - y) ** 2) / expected, abs=1e-6)


@pytest.mark.parametrize("n", [3, 7, 11])
def test_one_constant_has_none_though_its_mean_is_rounded(n):
    assert concordance_correlation(np.full(n, 0.1), np.full(n, 0.1)) is None
    assert concordance_correlation(np.full(n, 0.1), np.full(n, 0.3)) == pytest.approx(0)


def test_constants_and_single_pairs_have_none():
    assert concordance_correlation(np.array([0.2, 0.2]), np.array([0.2, 0.2])) is None
    assert concordance_correlation(np.array([0.2]), np.array([0.3])) is None
    assert limits_of_agreement(np.array([0.2]), np.array([0.3])) is None


def test_limits_of_agreement_of_a_worked_example():
    limits = limits_of_agreement(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    assert (limits.bias, limits.low, limits.high) == pytest.approx((2.0, 2 - 1.96, 2 + 1.96))


@given(st.integers(0, 2**32 - 1), st.integers(3, 40))
def test_concordance_equals_that_of_torchmetrics_but_for_its_denominator(seed, n):
    """torchmetrics divides variances and covariance by n - 1, Lin by n: a shift of the means tells them apart."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    y = x + rng.normal(0, 0.3, n)
    y += x.mean() - y.mean()
    expected = float(concordance_corrcoef(torch.from_numpy(x), torch.from_numpy(y)))
    assert concordance_correlation(x, y) == pytest.approx(expected, abs=1e-6)
