"""Examples in docstrings of scores and calibration give what they show."""

import doctest

import pytest

from hvit import calibration
from hvit.scoring import intervals, metrics


@pytest.mark.parametrize("module", [calibration, intervals, metrics], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module):
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
