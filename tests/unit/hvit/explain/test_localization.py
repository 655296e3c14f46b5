"""Maps against known symptoms, worked by hand."""

import numpy as np
import pytest
import torch

from hvit.data.leafsim import Address, plan, render
from hvit.data.preprocess import Preprocessing
from hvit.explain.color_scale import RELATIVE_SHARE, SCORE_DROP
from hvit.explain.controls import control_maps
from hvit.explain.explanation import Explanation
from hvit.explain.localization import REGIONS, attribution_by_region, lesion_iou, pointing_game, region_masks


def scores(rows):
    return Explanation(np.array(rows, np.float32), "occlusion", 0, {}, SCORE_DROP, is_additive=False)


def mask_of(rows, pixels=10):
    """A mask in which each value fills a square of `pixels` px."""
    return np.array(rows, bool).repeat(pixels, 0).repeat(pixels, 1)


QUARTERS = {
    "lesion": mask_of([[1, 0], [0, 0]]),
    "healthy_leaf": mask_of([[0, 1], [0, 0]]),
    "background": mask_of([[0, 0], [1, 1]]),
}


def test_shares_are_those_of_what_speaks_for_the_prediction():
    assert attribution_by_region(scores([[3, 1], [-9, 0]]), QUARTERS) == pytest.approx(
        {"lesion": 0.75, "healthy_leaf": 0.25, "background": 0}
    )
    assert attribution_by_region(scores([[-1, 0], [0, 0]]), QUARTERS) is None


def test_an_even_map_has_the_shares_of_the_areas_on_any_grid():
    even = Explanation(np.full((3, 7), 1 / 21, np.float32), "rollout", None, {}, RELATIVE_SHARE, is_additive=True)
    assert attribution_by_region(even, QUARTERS) == pytest.approx(
        {"lesion": 0.25, "healthy_leaf": 0.25, "background": 0.5}
    )


def test_pointing_is_at_the_middle_of_the_strongest_place_with_a_tolerance():
    """In a photo of 100 x 100 px, the strongest of 2 x 2 places is centered 25 px from its edges."""
    places = scores([[0, 5], [0, 0]])
    lesion = np.zeros((100, 100), bool)
    lesion[20:30, 84:90] = True  # 9 px to the right of (25, 75): the middle of the nearest pixel is at (24.5, 84.5)
    distance = np.hypot(0.5, 9.5) / 100
    assert pointing_game(places, lesion, tolerance=distance + 0.001) == 1
    assert pointing_game(places, lesion, tolerance=distance - 0.001) == 0
    assert pointing_game(places, lesion) == 0 and pointing_game(places, np.zeros((100, 100), bool)) is None


def test_places_that_are_equally_strong_hit_in_part():
    assert pointing_game(scores([[1, 1], [1, 1]]), QUARTERS["lesion"]) == 0.25


def test_overlap_is_of_an_area_as_large_as_the_lesions():
    lesion = mask_of([[1, 1], [0, 0]])
    assert lesion_iou(scores([[9, 8], [1, 0]]), lesion) == 1
    assert lesion_iou(scores([[9, 0], [8, 1]]), lesion) == pytest.approx(1 / 3)  # one of two quarters
    assert lesion_iou(scores([[0, 0], [1, 1]]), lesion) == 0
    assert lesion_iou(scores([[1, 1], [1, 1]]), lesion) == pytest.approx(1 / 3, abs=0.08)  # half of it by chance
    assert lesion_iou(scores([[1, 0]]), np.zeros((4, 4), bool)) is None


def test_the_areas_of_a_rendered_leaf_cover_the_preprocessed_photo():
    index = next(i for i in range(100) if plan(Address(1, i)).condition == "Early_blight")
    leaf = render(Address(1, index), 160)
    areas = region_masks(leaf)
    assert tuple(areas) == REGIONS and (np.sum(list(areas.values()), axis=0) == 1).all()
    # The lesions as a map at the resolution of the model's input lie where the masks say, up to their borders.
    image = Preprocessing(128)(leaf.picture)
    masked = torch.from_numpy(areas["lesion"].astype(np.uint8)).float()[None, None]
    seen = torch.nn.functional.interpolate(masked, image.shape[-2:], mode="area")[0, 0].numpy()
    found = Explanation((seen / seen.sum()).astype(np.float32), "rollout", None, {}, RELATIVE_SHARE, is_additive=True)
    turned = Explanation(found.attribution[::-1, ::-1], "rollout", None, {}, RELATIVE_SHARE, is_additive=True)
    assert attribution_by_region(found, areas)["lesion"] > 0.8 > 0.5 > attribution_by_region(turned, areas)["lesion"]
    assert lesion_iou(found, areas["lesion"]) > 0.8 and pointing_game(found, areas["lesion"]) == 1


def test_controls_are_shares_and_know_the_middle_and_the_edges():
    image = torch.zeros(1, 3, 64, 96)
    image[:, :, :, 64:] = 1  # one upright edge
    found = control_maps(image, seed=3)
    assert list(found) == ["random", "center", "edges"]
    for control in found.values():
        assert control.attribution.sum() == pytest.approx(1, abs=1e-5) and control.attribution.min() >= 0
    assert found["random"].attribution.shape == (4, 6) and found["center"].attribution.shape == (16, 24)
    columns = found["edges"].attribution.sum(0)
    assert set(np.flatnonzero(columns > 1e-3)) == {15, 16} and columns.sum() == pytest.approx(1, abs=1e-5)
    middle = found["center"].values
    assert middle[7:9, 11:13].min() == middle.max() and middle[0, 0] == middle.min()
    other = control_maps(image, seed=4)["random"]
    assert not np.array_equal(other.attribution, found["random"].attribution)


def test_the_edges_of_a_photo_without_any_are_even():
    assert np.ptp(control_maps(torch.ones(1, 3, 64, 64), 0)["edges"].attribution) == 0
