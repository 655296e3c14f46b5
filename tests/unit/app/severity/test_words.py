"""What the Severity page says."""

import numpy as np

from app.severity import words
from hvit.scoring.concordance import LimitsOfAgreement
from hvit.scoring.severity import Estimate, SeverityScores

NONE = Estimate(None, None)
SCORES = SeverityScores(40, 38, NONE, Estimate(0.7, (0.6, 0.8)), Estimate(0.93, (0.9, 0.95)),
                        Estimate(0.013, (0.01, 0.02)), Estimate(0.9, (0.8, 0.95)), None)  # fmt: skip


def test_figures_that_are_undefined_are_left_out():
    names = [name for name, _, _ in words.cells(SCORES)]
    assert "IoU of the leaf" not in names
    assert ("Coverage, %", "90.0", "of 90 % intervals; 80.0 to 95.0") in words.cells(SCORES)
    assert ("Mean absolute error", "1.3", "points; 1.0 to 2.0") in words.cells(SCORES)


def test_a_gain_is_called_by_its_interval():
    assert "better than" in words.gain(Estimate(0.1, (0.05, 0.15)), "classical")
    assert "not significantly different" in words.gain(Estimate(0.1, (-0.05, 0.15)), "classical")
    assert "worse than" in words.gain(Estimate(-0.1, (-0.15, -0.05)), "classical")
    assert "Not measured" in words.gain(NONE, "classical")


def test_limits_are_in_points():
    text = words.limits(LimitsOfAgreement(-0.011, -0.062, 0.041))
    assert text == ("On average -1.1 points; 95 % of the differences lie between -6.2 and +4.1 points (Bland-Altman).")


def test_outlines_are_named_by_their_color_and_absent_ones_are_listed():
    spot, none = np.ones((2, 2), bool), np.zeros((2, 2), bool)
    assert words.outlines(spot, none) == "White: symptoms in the mask. Orange: no symptoms as measured."
    text = words.outlines(None, None)
    assert text == "No mask lies beside this photo. The head of this run is not at hand."
