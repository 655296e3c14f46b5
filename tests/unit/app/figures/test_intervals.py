"""Figures of scores, gains and costs with their intervals."""

import pytest

from app.figures.costs import accuracy_by_cost
from app.figures.gains import gains
from app.figures.reliability import reliability_diagram
from app.figures.shares import shares
from app.theme import PAPER


def test_a_share_is_a_dot_in_its_interval_and_one_not_measured_leaves_its_row_empty():
    figure = shares(["a", "b"], [0.5, None], [(0.4, 0.6), None], ["50 %", "not recorded"], "x, n = 4", ["#111111"] * 2)
    interval, dot = figure.data
    assert list(interval.x) == [0.4, 0.6] and list(dot.x) == [0.5]
    assert [a.text for a in figure.layout.annotations] == ["a<br><b>50 %</b>", "b<br><b>not recorded</b>"]
    assert figure.layout.xaxis.range[0] == pytest.approx(0.38) and figure.layout.xaxis.title.text == "x, n = 4"
    assert shares(["a"], [0.5], [None], [""], "", ["#111111"], from_zero=True).layout.xaxis.range[0] == 0
    with pytest.raises(ValueError, match="for each row"):
        shares(["a"], [], [], [], "", [])


def test_only_gains_clear_of_zero_have_a_color():
    figure = gains(["a", "b", "c"], [0.1, -0.1, 0.1], [(0.05, 0.2), (-0.2, -0.05), (-0.05, 0.2)], "gain")
    assert [trace.marker.color for trace in figure.data[1::2]] == [PAPER.accent, PAPER.error, PAPER.quiet]
    assert figure.layout.annotations[1].text == "b<br><b>\u221210.0 points (\u221220.0 to \u22125.0)</b>"
    low, high = figure.layout.xaxis.range
    assert low == -high and high > 0.2


def test_long_axis_titles_wrap_and_enlarge_the_margin():
    short = shares(["a"], [0.5], [None], [""], "macro-F1, n = 4", ["#111111"])
    long = shares(
        ["a"], [0.5], [None], [""], "gain in right at first name, 95 % interval, 3 pairs of runs", ["#111111"]
    )
    assert short.layout.xaxis.title.text == "macro-F1, n = 4"
    assert long.layout.xaxis.title.text == "gain in right at first name, 95 % interval,<br>3 pairs of runs"
    assert long.layout.margin.b - short.layout.margin.b == long.layout.height - short.layout.height > 12


def test_cost_is_logarithmic_where_models_differ_much():
    arguments = [0.5, 0.6], [(0.4, 0.6), None], ["#111111"] * 2, "parameters", "right"
    assert accuracy_by_cost(["a", "b"], [1, 50], *arguments).layout.xaxis.type == "log"
    figure = accuracy_by_cost(["a", "b"], [1, 2], *arguments)
    assert figure.layout.xaxis.type is None and figure.layout.xaxis.range[0] == 0
    assert figure.data[0].error_y.array[0] == pytest.approx(0.1) and figure.data[1].error_y.array[0] == 0


def test_reliability_shows_the_number_of_photos():
    figure = reliability_diagram([0.5, 0.9], [0.4, 0.95], [10, 12])
    assert list(figure.data[1].x) == [0.5, 0.9] and list(figure.data[1].customdata) == [10, 12]
    assert "n = 22" in figure.layout.xaxis.title.text
