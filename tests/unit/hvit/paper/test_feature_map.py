"""The map for print: what lies where, what it names, and what is refused."""

import numpy as np
import pytest

from hvit.feature_space.feature_map import FeatureMap
from hvit.paper import feature_map, style
from hvit.runs import Run, RunError
from tests.support.recorded_runs import TRUE


@pytest.fixture
def mapped(records):
    """`runs/hand` with a map of its twelve photos: one class a corner."""
    corners = np.array([[0, 0], [0, 10], [10, 0], [10, 10]], dtype=float)
    rng = np.random.default_rng(0)
    save_map(records, corners[TRUE] + rng.normal(0, 0.2, (12, 2)), np.arange(12))
    return records


def save_map(run, coordinates, rows):
    n = len(rows)
    FeatureMap(
        splits=np.array(["test"] * n), rows=rows, sample_ids=rows.astype(str), coordinates=coordinates,
        features=np.zeros((n, 2)), mean=np.zeros(3), components=np.zeros((2, 3)),
        neighbors=np.zeros((n, 1), dtype=int), distances=np.zeros((n, 1)),
        about={"perplexity": 30, "seed": 0, "trustworthiness": 0.5, "accuracy_in_space": 0.25, "accuracy_on_map": 0.75},
    ).save(run / "eval" / "test" / "tsne.npz")  # fmt: skip


def test_errors_are_crosses_and_each_class_has_its_number(mapped):
    drawn = feature_map.draw(Run(mapped), 85)
    dots, crosses = drawn.figure.axes[0].collections
    assert len(dots.get_offsets()) == 9 and len(crosses.get_offsets()) == 3
    assert sorted(text.get_text() for text in drawn.figure.axes[0].texts) == ["1", "2", "3", "4"]
    key = [text.get_text() for text in drawn.figure.axes[1].texts]
    assert key[0] == "1  Potato: early blight" and len(key) == 4


def test_the_caption_says_how_far_the_map_can_be_trusted(mapped):
    drawn = feature_map.draw(Run(mapped), 85)
    assert "12 test photos" in drawn.caption and "Trustworthiness 0.500" in drawn.caption
    assert "25.0 % rightly in feature space and 75.0 % on the map" in drawn.caption
    assert "75.0 % (46.8 to 91.1) rightly (95 % interval, Wilson; n = 12)" in drawn.caption
    assert set(drawn.origins[0].files) == {"eval/test/tsne.npz", "eval/test/predictions.parquet"}


def test_no_text_of_the_map_is_small_or_cut_off(mapped):
    figure = feature_map.draw(Run(mapped), 60).figure
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    for text in figure.axes[0].texts + figure.axes[1].texts:
        box = text.get_window_extent()
        assert text.get_fontsize() >= 7 and box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height


def test_boxes_on_one_spot_are_moved_apart():
    centers = feature_map.separate_boxes(np.zeros((4, 2)), np.full((4, 2), 2.0))
    for i in range(4):
        for j in range(i):
            assert (np.abs(centers[i] - centers[j]) >= 2 - 1e-6).any()


def test_boxes_that_do_not_touch_stay():
    centers = np.array([[0.0, 0.0], [5.0, 0.0]])
    assert np.array_equal(feature_map.separate_boxes(centers, np.full((2, 2), 2.0)), centers)


def test_without_a_map_the_command_that_makes_one_is_shown(records):
    with pytest.raises(RunError, match="no map on test; make one: python -m training.embed --run hand"):
        feature_map.draw(Run(records), 85)


def test_a_map_of_other_predictions_is_refused(records):
    save_map(records, np.zeros((12, 2)), np.arange(12) + 5)
    with pytest.raises(RunError, match="does not fit its predictions"):
        feature_map.draw(Run(records), 85)


def test_a_map_needs_room(mapped):
    with pytest.raises(style.FigureError, match="a map needs 50mm"):
        feature_map.draw(Run(mapped), 40)
