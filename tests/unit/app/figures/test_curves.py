"""Learning curves as a figure."""

import numpy as np
import pytest

from app.figures.curves import GroupCurves, learning_curves
from hvit.scoring.learning_curves import Curve


def line(*values: float) -> Curve:
    return Curve(np.arange(1.0, len(values) + 1), np.array(values))


def test_seeds_are_a_mean_in_a_band_and_thin_lines_beyond_the_shortest():
    figure = learning_curves(
        [GroupCurves("a", [line(1, 2, 3, 4), line(3, 4), Curve(np.array([]), np.array([]))])], 0, "", ""
    )
    band, beyond, mean = figure.data
    assert list(band.x) == [1, 2, 2, 1] and list(band.y) == [3, 4, 2, 1]
    assert list(beyond.x) == [2, 3, 4] and beyond.line.width == 1 and not beyond.showlegend
    assert list(mean.y) == [2, 3] and mean.name == "a (2 seeds)" and mean.showlegend


def test_each_seed_can_have_its_line_and_the_seed_group_one_legend_entry():
    figure = learning_curves([GroupCurves("a", [line(1, 2), line(3, 4)])], 0, "", "", each_seed=True)
    assert [list(trace.y) for trace in figure.data] == [[1, 2], [3, 4]]
    assert [trace.showlegend for trace in figure.data] == [True, False]


def test_a_smoothed_curve_has_the_recorded_one_behind_it():
    behind, smooth = learning_curves([GroupCurves("a", [line(1, 0, 1)])], 0.5, "", "").data
    assert list(behind.y) == [1, 0, 1] and behind.opacity == 0.25
    assert list(smooth.y) == pytest.approx([1, 1 / 3, 5 / 7])


def test_seed_groups_differ_by_color_and_dash_and_a_running_one_is_marked():
    figure = learning_curves(
        [GroupCurves("a", [line(1, 2)]), GroupCurves("b", [line(5)], running=True)], 0, "F1", "steps"
    )
    a, b, end = figure.data
    assert a.line.color != b.line.color and a.line.dash != b.line.dash
    assert b.mode == "markers" and end.marker.symbol == "circle-open" and (end.x[0], end.y[0]) == (1, 5)
    assert figure.layout.xaxis.title.text == "steps" and figure.layout.yaxis.title.text == "F1"
