"""Agreement of two raters beyond chance: Cohen's kappa for classes, Lin's concordance for measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.scoring.concordance import concordance_correlation
from hvit.scoring.metrics import wilson

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Agreement:
    """An agreement coefficient with its 95 % interval.

    Attributes:
        value: 1 for perfect agreement, 0 for that expected by chance; None where it is undefined.
        low, high: ends of the interval; None where it is undefined.
        n: items that both rated.
        observed: share of equal ratings, for classes only.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    observed: float | None = None


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Cohen's kappa of two raters of the same items, with its large-sample interval.

    Value: Cohen 1960; standard error: Fleiss, Cohen and Everitt 1969, equation 13 (doi:10.1037/h0028106).

    >>> cohen_kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"]).value
    0.5

    Returns:
        `value` is None where both raters used one and the same class throughout; the interval is cut at -1 and 1. Where
        all ratings are equal the standard error is 0 whatever n: the interval is then that of Wilson for the observed
        share, rescaled.
    Raises:
        ValueError: the raters rated different numbers of items, or none.
    """
    if len(first) != len(second) or len(first) == 0:
        raise ValueError(f"{len(first)} and {len(second)} ratings; expected the same number, at least 1")
    names, numbers = np.unique([*first, *second], return_inverse=True)
    n, K = len(first), len(names)
    table = np.zeros((K, K))
    np.add.at(table, (numbers[:n], numbers[n:]), 1 / n)
    rows, columns = table.sum(1), table.sum(0)
    observed, expected = float(np.trace(table)), float(rows @ columns)
    if math.isclose(expected, 1.0):
        return Agreement(None, None, None, n, observed)
    kappa = (observed - expected) / (1 - expected)
    if math.isclose(observed, 1.0):
        low = (wilson(n, n)[0] - expected) / (1 - expected)
        return Agreement(1.0, max(-1.0, low), 1.0, n, 1.0)
    sums = columns[:, None] + rows[None, :]  # p_.i + p_j. of cell (i, j)
    diagonal = np.diag(table) * ((1 - expected) - np.diag(sums) * (1 - observed)) ** 2
    off = table * sums**2
    variance = diagonal.sum() + (1 - observed) ** 2 * (off.sum() - np.trace(off))
    variance -= (observed * expected - 2 * expected + observed) ** 2
    error = math.sqrt(max(0.0, variance) / n) / (1 - expected) ** 2
    return Agreement(kappa, max(-1.0, kappa - Z_95 * error), min(1.0, kappa + Z_95 * error), n, observed)


def lin_concordance(first: Sequence[float], second: Sequence[float]) -> Agreement:
    """Lin's concordance correlation coefficient of two measurements of the same items, with Fisher's z interval.

    Variances have the denominator n. Source: Lin 1989 (doi:10.2307/2532051), standard error as corrected in 2000.

    >>> lin_concordance([1, 2, 3], [1, 2, 3]).value
    1.0

    Returns:
        `value` is None for one item, and where both measured one and the same constant; the interval is None below 3
        items, and where one of them measured a constant.
    Raises:
        ValueError: there are different numbers of measurements, or none.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{len(x)} and {len(y)} measurements; expected the same number, at least 1")
    n, shift = len(x), float(x.mean() - y.mean())
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    concordance = concordance_correlation(x, y)
    if concordance is None:
        return Agreement(None, None, None, n)
    if n < 3 or covariance == 0 or x.var() == 0 or y.var() == 0:
        return Agreement(concordance, None, None, n)
    if math.isclose(abs(concordance), 1.0):
        return Agreement(concordance, concordance, concordance, n)
    r = covariance / math.sqrt(x.var() * y.var())
    u2 = shift**2 / math.sqrt(x.var() * y.var())
    rho, rest = concordance, 1 - concordance**2
    variance = (1 - r**2) * rho**2 / (rest * r**2) + 2 * rho**3 * (1 - rho) * u2 / (r * rest**2)
    variance = (variance - rho**4 * u2**2 / (2 * r**2 * rest**2)) / (n - 2)
    half = Z_95 * math.sqrt(max(0.0, variance))
    z = math.atanh(concordance)
    return Agreement(concordance, math.tanh(z - half), math.tanh(z + half), n)
