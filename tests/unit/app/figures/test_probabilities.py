"""Figures hold the numbers they are given, and say what they are."""

import pytest

from app.figures.probabilities import class_probabilities
from app.theme import PAPER


def test_bars_hold_the_probabilities_and_one_row_for_the_rest():
    bar = class_probabilities(["A", "B"], [0.9, 0.06], [True, False], 33).data[0]
    assert list(bar.x) == pytest.approx([0.9, 0.06, 0.04])
    assert list(bar.customdata) == ["A", "B", "the other 31 together"]


def test_only_the_prediction_set_has_the_accent():
    bar = class_probabilities(["A", "B"], [0.5, 0.4], [True, True], 3).data[0]
    assert list(bar.marker.color) == [PAPER.accent, PAPER.accent, PAPER.quiet]


def test_there_is_no_row_for_the_rest_when_all_classes_are_shown():
    assert list(class_probabilities(["A", "B"], [0.7, 0.3], [True, False], 2).data[0].x) == [0.7, 0.3]


def test_the_axis_says_what_is_measured_and_over_how_many_classes():
    assert "33 classes" in class_probabilities(["A"], [1.0], [True], 33).layout.xaxis.title.text


def test_green_is_explained_only_where_a_bar_is_green():
    assert "green" in class_probabilities(["A"], [1.0], [True], 33).layout.xaxis.title.text
    assert "green" not in class_probabilities(["A"], [1.0], [False], 33).layout.xaxis.title.text


def test_every_bar_is_written_out_and_none_claims_certainty():
    texts = [note.text for note in class_probabilities(["A", "B"], [0.998, 0.002], [True, False], 2).layout.annotations]
    assert texts == ["<b>A</b>", "over 99 %", "B", "under 1 %"]


def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        class_probabilities(["A"], [1.2], [True], 2)


def test_a_title_without_a_number_is_refused():
    with pytest.raises(ValueError, match="one each"):
        class_probabilities(["A", "B"], [1.0], [True], 2)
