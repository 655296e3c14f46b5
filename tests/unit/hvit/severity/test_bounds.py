"""Intervals and smallest measurable shares by the crop of a photo."""

import numpy as np
import pytest

from hvit.severity.bounds import AreaBounds
from hvit.severity.intervals import AreaIntervals

TRUE = np.linspace(0.05, 0.5, 60)
INTERVALS = AreaIntervals.fit(TRUE + 0.01, TRUE)


@pytest.fixture
def bounds():
    return AreaBounds({"Coffee": INTERVALS}, {"Coffee": 0.01, "Drawn": 0.09, "Tomato": 0.02})


def test_a_crop_with_masks_has_its_own_bounds(bounds):
    low, high = INTERVALS.interval(0.2)
    assert bounds.interval(0.2, "coffee") == (min(low, 0.2), max(high, 0.2), 0.01, None)


def test_a_crop_of_which_only_healthy_leaves_were_measured_has_their_least_measurable_share(bounds):
    assert bounds.interval(0.2, "Tomato")[2:] == (0.02, "lesions never validated on tomato")


def test_a_crop_that_was_never_measured_has_the_largest_of_all(bounds):
    assert bounds.interval(0.2, "Pepper")[2:] == (0.09, "lesions never validated on pepper")
