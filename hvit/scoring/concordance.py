"""Agreement of two measurements of the same quantity, such as predicted and true lesion area."""

from dataclasses import dataclass

import numpy as np


def concordance_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Lin's concordance correlation coefficient (Lin 1989, doi:10.2307/2532051).

    2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2), with variances divided by N. 1 where both are equal.

    Returns:
        In [-1, 1]; None for fewer than two pairs, or where both are one and the same constant to rounding.

    >>> concordance_correlation(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    1.0
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(x) < 2 or (x == x[0]).all() and (y == x[0]).all():  # their variances are rounding alone
        return None
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    if spread == 0:  # differences too small to be squared
        return None
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread)


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Bland-Altman: mean difference and the range that holds 95 % of differences (Bland & Altman 1986).

    Attributes:
        bias: mean of second - first.
        low, high: bias minus and plus 1.96 standard deviations.
    """

    bias: float
    low: float
    high: float


def limits_of_agreement(first: np.ndarray, second: np.ndarray) -> LimitsOfAgreement | None:
    """Bland-Altman limits of agreement of paired measurements (N,); None for fewer than two."""
    difference = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if len(difference) < 2:
        return None
    bias, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    return LimitsOfAgreement(bias, bias - spread, bias + spread)
