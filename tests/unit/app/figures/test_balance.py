"""Bars of how many there are of each class."""

import pytest

from app.figures.balance import class_balance
from app.theme import DARK


def test_bars_are_stacked_and_their_ends_tell_the_sum():
    figure = class_balance(["Rust", "Scab"], {"learned from": [30, 10], "test": [3, 1]}, "photos")
    train, test, sums = figure.data
    assert list(train.x) == [30, 10] and list(test.x) == [3, 1] and figure.layout.barmode == "stack"
    assert list(sums.text) == [" 33", " 11"] and train.name == "learned from, 40"
    assert figure.layout.xaxis.title.text == "photos, 44 in all"
    assert list(figure.layout.yaxis.ticktext) == ["Rust", "Scab"]


def test_parts_differ_in_strength_on_paper_and_in_the_dark():
    for figure in (class_balance(["a"], {"x": [1], "y": [1]}), class_balance(["a"], {"x": [1], "y": [1]}, colors=DARK)):
        assert len({bar.marker.color for bar in figure.data[:2]}) == 2


def test_a_part_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one number each"):
        class_balance(["a", "b"], {"x": [1]})
