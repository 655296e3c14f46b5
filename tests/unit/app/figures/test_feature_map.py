"""The map of a feature space: what its traces hold."""

import numpy as np
import pytest

from app.figures.feature_map import Group, Marker, feature_map
from app.theme import DARK

XY = np.array([[0.0, 1], [2, 3], [4, 5], [6, 7]], dtype=np.float32)
GROUPS = [
    Group("Apple", "#aa0000", np.array([0, 2])),
    Group("Rice", "#00aa00", np.array([3, 1]), "circle-open"),
    Group("Maize", "#0000aa", np.array([], dtype=int)),
]
TEXTS = [f"leaf {i}" for i in range(4)]


def test_a_trace_a_group_and_none_for_an_empty_one():
    figure = feature_map(XY, GROUPS, TEXTS)
    assert [(trace.type, trace.name) for trace in figure.data] == [("scattergl", "Apple"), ("scattergl", "Rice")]
    assert [trace.marker.color for trace in figure.data] == ["#aa0000", "#00aa00"]
    assert figure.data[1].marker.symbol == "circle-open"


def test_points_carry_their_rows_places_and_texts():
    rice = feature_map(XY, GROUPS, TEXTS).data[1]
    assert list(rice.customdata) == [3, 1]
    assert list(rice.x) == [6, 2] and list(rice.y) == [7, 3]
    assert list(rice.text) == ["leaf 3", "leaf 1"]


def test_rows_are_a_flat_list_as_a_browser_returns_others_as_objects():
    assert np.asarray(feature_map(XY, GROUPS, TEXTS).data[0].customdata).ndim == 1


def test_a_selection_becomes_selected_points_of_each_trace():
    figure = feature_map(XY, GROUPS, TEXTS, selected=[1, 2])
    assert [list(trace.selectedpoints) for trace in figure.data] == [[1], [1]]
    only_apple = feature_map(XY, GROUPS, TEXTS, selected=[0])
    assert [list(trace.selectedpoints) for trace in only_apple.data] == [[0], []]  # all of rice is faded


def test_without_a_selection_nothing_is_faded():
    assert all(trace.selectedpoints is None for trace in feature_map(XY, GROUPS, TEXTS).data)


def test_a_photo_lies_on_top_with_lines_to_its_neighbors():
    figure = feature_map(XY, GROUPS, TEXTS, marker=Marker(1, 1, "mine", hollow=False, neighbors=[2, 0]), colors=DARK)
    lines, photo = figure.data[0], figure.data[-1]
    assert lines.mode == "lines" and np.allclose(lines.x, [1, 4, np.nan, 1, 0, np.nan], equal_nan=True)
    assert (photo.x, photo.y) == ((1,), (1,)) and photo.marker.symbol == "diamond" and photo.customdata is None


def test_an_unfamiliar_photo_is_hollow():
    figure = feature_map(XY, GROUPS, TEXTS, marker=Marker(1, 1, "mine", hollow=True, neighbors=[]))
    assert figure.data[-1].marker.symbol == "diamond-open"


def test_dragging_draws_unless_points_are_clicked():
    assert feature_map(XY, GROUPS, TEXTS).layout.dragmode == "lasso"
    assert feature_map(XY, GROUPS, TEXTS, by_click=True).layout.dragmode == "pan"


def test_the_number_of_leaves_and_the_missing_unit_are_reported():
    text = feature_map(XY, GROUPS, TEXTS).layout.annotations[0].text
    assert "n = 4" in text and "no unit" in text


def test_both_axes_have_the_same_scale():
    assert feature_map(XY, GROUPS, TEXTS).layout.yaxis.scaleanchor == "x"


@pytest.mark.parametrize("rows", [[0], [0, 1, 1]])
def test_a_sample_in_no_group_or_in_two_is_refused(rows):
    with pytest.raises(ValueError, match="one each"):
        feature_map(XY, [Group("Apple", "#aa0000", np.array(rows)), Group("Rice", "#00aa00", np.array([2, 3]))], TEXTS)
