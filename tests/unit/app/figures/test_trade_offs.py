"""Figures of sets, selective accuracy and thresholds, and the reliability diagram with counts."""

import numpy as np
import pytest

from app.figures.reliability import reliability_with_counts
from app.figures.trade_offs import Curve, Mark, accepted_by_threshold, coverage_by_set_size, risk_coverage_curves


def test_the_reliability_diagram_shows_intervals_and_how_many_photos_have_which_probability():
    figure = reliability_with_counts(
        [0.6, 0.9], [0.5, 0.8], [10, 12], [(0.3, 0.7), (0.6, 0.95)], np.array([0.61, 0.62, 0.99, 1.0])
    )
    points, bars = figure.data[1:]
    assert list(points.error_y.array) == pytest.approx([0.2, 0.15])
    assert list(points.error_y.arrayminus) == pytest.approx([0.2, 0.2])
    assert {x: y for x, y in zip(np.round(bars.x, 3), bars.y) if y} == {0.625: 2, 0.975: 2}
    assert "n = 22" in figure.layout.xaxis.title.text


def test_the_chosen_level_and_the_served_sets_are_marked():
    figure = coverage_by_set_size(["1 %", "5 %"], [1.5, 1.1], [0.99, 0.95], 1, Mark("as served", 1.2, 0.97), 400)
    curve, chosen, served = figure.data
    assert list(curve.x) == [1.5, 1.1] and list(curve.customdata) == ["1 %", "5 %"]
    assert (chosen.x[0], chosen.y[0], chosen.text[0]) == (1.1, 0.95, "5 %")
    assert (served.x[0], served.text[0]) == (1.2, "as served")
    assert "n = 400" in figure.layout.xaxis.title.text
    assert len(coverage_by_set_size(["1 %"], [1.0], [0.9], 0, None, 4).data) == 2


def test_each_group_has_its_line_and_long_curves_keep_their_ends():
    long = Curve("all (n = 5,000)", np.arange(1, 5001) / 5000, np.linspace(0, 0.2, 5000))
    figure = risk_coverage_curves([long, Curve("field (n = 2)", np.array([0.5, 1]), np.array([0, 0.5]))])
    first, second = figure.data
    assert [first.name, second.name] == ["all (n = 5,000)", "field (n = 2)"] and first.line.color != second.line.color
    assert len(first.x) == 400 and (first.x[-1], first.y[-1]) == (1, 0.2)
    assert first.line.dash != second.line.dash


def test_thresholds_are_lines_of_the_legend_and_the_chosen_one_crosses_the_curves():
    grid = np.array([0.0, 1.0])
    figure = accepted_by_threshold(
        [Curve("known", grid, np.array([0.5, 1.0])), Curve("green", grid, np.array([0, 0.1]))],
        0.7, [Mark("limit of the run", 0.9)], "ViM",
    )  # fmt: skip
    assert [trace.name for trace in figure.data] == ["known", "green", "limit of the run"]
    assert figure.data[0].line.width > figure.data[1].line.width and list(figure.data[2].x) == [0.9, 0.9]
    assert figure.layout.shapes[0].x0 == 0.7 and "ViM" in figure.layout.xaxis.title.text
