"""What the Robustness page says."""

import numpy as np
import pytest

from app.robustness import words
from hvit.scoring.robustness import CellScores
from hvit.scoring.robustness_comparison import paired_difference
from hvit.scoring.stress import StressPrediction

LATE, EARLY, HEALTHY = "Tomato___Late_blight", "Tomato___Early_blight", "Tomato___healthy"


def answer(strength, label, verdict, *others):
    return StressPrediction("noise", strength, label, 0.9, verdict, (label, *others))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(1, LATE, "named"), "Tomato: late blight, 90\u00a0%"),
        (answer(1, HEALTHY, "named"), "Tomato: no disease I know, 90\u00a0%"),
        (answer(1, LATE, "unsure", EARLY), "Not sure: Tomato: late blight or Tomato: early blight"),
        (answer(1, LATE, "unsure", EARLY, HEALTHY), "Not sure: 3 are possible, most likely Tomato: late blight"),
        (answer(1, LATE, "unfamiliar"), "Unfamiliar (best guess Tomato: late blight, 90\u00a0%)"),
    ],
)
def test_a_verdict_in_a_few_words(given, expected):
    assert words.verdict_line(given) == expected


def test_a_prediction_kept_at_every_severity():
    ladder = [answer(strength, LATE, "named") for strength in range(6)]
    assert (
        words.ladder_summary("noise", ladder) == "Sensor noise: the most likely class stays the same at every strength."
    )


def test_a_severity_at_which_another_class_is_predicted():
    ladder = [answer(s, LATE, "named") for s in range(3)] + [answer(3, EARLY, "unsure"), answer(4, EARLY, "named")]
    assert words.ladder_summary("noise", ladder) == (
        "Sensor noise: the most likely class stays the same up to strength 2. At strength 4 another class is named."
    )


def test_a_prediction_lost_at_the_first_severity():
    ladder = [answer(0, LATE, "named"), answer(1, EARLY, "unsure"), answer(2, LATE, "unsure")]
    assert "stays the same at no strength." in words.ladder_summary("turn", ladder)


def test_a_drop_in_accuracy_is_in_points_with_its_interval():
    change = paired_difference(np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 0], bool))
    text = words.drop_sentence("tiny", "noise", 5, change)
    assert text.startswith("Sensor noise at strength 5, tiny: -50.0 points of accuracy (")
    assert text.endswith("from 75.0 to 25.0\u00a0%.")


def test_a_difference_that_may_be_chance_is_called_not_significant():
    change = paired_difference(np.array([1, 0], bool), np.array([0, 0], bool))
    assert words.comparison_sentence("a", "b", 3, change).endswith("p = 1: no significant difference.")
    clear = paired_difference(np.ones(30, bool), np.zeros(30, bool))
    assert "no significant" not in words.comparison_sentence("a", "b", 3, clear)


def test_the_basis_names_the_ladder_of_a_kind():
    assert "SSIM" in words.basis(10, "test", "defocus") and "PSNR" in words.basis(10, "test", "exposure")
    assert "15, 30, 45, 90, 180 (degrees)" in words.basis(10, "test", "turn")
    assert "of 255" in words.basis(10, "test", "pgd")


def test_a_row_of_the_table_leaves_a_gap_where_nothing_is_named():
    cells = [CellScores("noise", s, 4, 0.5, (0, 1), 0.0, None, 1.0, 1.0, 1.0) for s in (0, 1)]
    assert words.scores_row("noise", cells, "named_correct") == {
        "Kind": "Sensor noise",
        "Pictures": 4,
        "As it is, %": None,
        "1, %": None,
    }


def test_the_strength_of_a_corruption_is_shown_in_its_unit():
    assert words.amount_line("turn", 4) == "Degrees: 90"
