"""What the Calibration page says."""

import numpy as np
import pytest

from app.calibration import words
from hvit.scoring.calibration_curves import score_calibration
from hvit.scoring.detection import Detection
from hvit.scoring.selective import operating_point
from hvit.scoring.set_levels import SetScores


def detection(kind: str, accepted: float) -> Detection:
    return Detection("", kind, 10, accepted, (0.0, 1.0), 0.1, None, None)


@pytest.mark.parametrize(("alpha", "title"), [(0.02, "2 %"), (0.005, "0.5 %"), (0.07, "7 %"), (0.999, "99.9 %")])
def test_levels_are_called_by_their_percentage(alpha, title):
    assert words.level_title(alpha) == title


def test_a_field_data_set_is_marked():
    assert words.group_title("a-1", ["a-1"]) == "a-1 (field)"
    assert words.group_title("a-1") == "a-1" and words.group_title("all") == "All photos"


def test_an_ece_that_binning_explains_is_called_so():
    assert "about what a perfectly calibrated model" in words.ece_sentence(0.012, 0.01)
    assert "would show 1.0\u00a0% on so few photos" in words.ece_sentence(0.05, 0.01)


@pytest.mark.parametrize(
    ("confidence", "expected"), [(0.9, "15.0 points higher"), (0.6, "15.0 points lower"), (0.752, "agree")]
)
def test_the_gap_between_probability_and_accuracy_has_a_direction(confidence, expected):
    probs = np.tile([confidence, 1 - confidence], (4, 1))
    assert expected in words.confidence_gap(score_calibration(probs, np.array([0, 0, 0, 1])))


def test_a_level_says_what_its_sets_hold_and_cost():
    scores = SetScores("all", 100, 0.97, (0.92, 0.99), 1.25, 0.8, 0.95)
    text = words.level_sentence(0.02, scores, True)
    assert "for 2 % of the photos hold it for 97.0\u00a0% (92.0 to 99.0\u00a0%) and have 1.25 classes" in text
    assert "80.0\u00a0% of the photos get a single name, and 95.0\u00a0% of those names are correct." in text
    assert words.level_sentence(0.02, scores, False).endswith("That is less than promised.")
    assert "those names" not in words.level_sentence(0.02, SetScores("all", 1, 1, (0, 1), 2, 0, None), True)


def test_a_threshold_says_what_it_lets_through():
    found = [detection("known", 0.95), detection("not_leaf", 0.04), detection("unknown_disease", 0.3)]
    text = words.threshold_sentence(0.95, 5.8, found)
    assert text == (
        "A limit of 5.80 accepts 95.0\u00a0% of the known photos, and 30\u00a0% of the unknown diseases and "
        "4\u00a0% of the photos without a leaf."
    )
    assert "No unknown photos are recorded" in words.threshold_sentence(0.95, 5.8, found[:1])


def test_kinds_that_are_not_recorded_are_named():
    found = [detection("known", 1), detection("green", 0)]
    assert words.missing_kinds(found) == (
        "Not recorded on this split: unknown disease of a known crop; leaf of an unknown crop; no leaf at all "
        "(3 kinds)."
    )
    assert words.missing_kinds([detection(kind, 0) for kind in words.KINDS]) is None


def test_the_csv_has_ends_of_intervals_of_their_own():
    row = words.point_csv([operating_point(np.array([0.9, 0.5]), np.array([True, False]), 0.8)])[0]
    assert (row["coverage"], row["n"], row["accuracy"]) == (0.5, 1, 1.0) and row["accuracy_low"] < row["accuracy_high"]
    nothing = words.point_csv([operating_point(np.array([0.5]), np.array([True]), 0.8)])[0]
    assert nothing["accuracy"] is None and nothing["accuracy_low"] is None
