"""From class probabilities to severity, or to the reason why there is none."""

from dataclasses import replace

import numpy as np
import pytest

from hvit.models.segmentation import SegmentationHead
from hvit.severity.estimator import SeverityEstimator, area_class, count_lesions
from hvit.severity.intervals import AreaIntervals
from hvit.severity.single_leaf import CROPPED, FILLS, NO_LEAF, NOT_FINITE, SEVERAL, UNCLEAR

SIDE = 96


def probabilities(leaf: np.ndarray, symptom: np.ndarray) -> np.ndarray:
    """Certain probabilities of masks (H, W) bool."""
    return np.stack([~leaf, leaf & ~symptom, leaf & symptom], -1).astype(np.float32)


def square(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


LEAF = square(20, 20, 50, 60)
SYMPTOM = square(30, 30, 10, 15) | square(50, 50, 5, 6)  # 180 of 3,000 px


@pytest.fixture
def estimator() -> SeverityEstimator:
    intervals = {"Coffee": AreaIntervals((), (0.05,), (100,)), "LeafSim": AreaIntervals((), (0.1,), (500,))}
    least = {"Coffee": 0.002, "LeafSim": 0.01}
    return SeverityEstimator(SegmentationHead((8, 8, 8, 8), 8, 8), 0.5, intervals, least, "0" * 64)


def test_the_share_of_a_single_leaf_is_measured_with_its_lesions(estimator):
    severity, reason = estimator.estimate(probabilities(LEAF, SYMPTOM), "Coffee")
    assert reason is None
    assert severity.lesion_fraction == pytest.approx(180 / 3000)
    assert severity.leaf_fraction == pytest.approx(3000 / SIDE**2)
    assert severity.lesions == 2
    assert severity.low < 0.06 < severity.high
    assert list(severity.to_dict()) == ["lesion_fraction", "low", "high", "leaf_fraction", "lesions"]


def test_a_crop_whose_lesions_were_never_validated_gets_the_widest_interval_and_a_word(estimator):
    severity, reason = estimator.estimate(probabilities(LEAF, SYMPTOM), "Tomato")
    coffee, _ = estimator.estimate(probabilities(LEAF, SYMPTOM), "Coffee")
    assert reason == "lesions never validated on tomato"
    assert severity.low < coffee.low and coffee.high < severity.high
    assert severity.least_measurable == 0.01


def test_crops_are_compared_without_case(estimator):
    assert estimator.group_of("coffee") == "Coffee"


def test_a_group_for_any_crop_validates_all_of_them(estimator):
    only = replace(estimator, intervals={"*": AreaIntervals((), (0.05,), (100,))}, least_measurable={"*": 0.01})
    assert only.estimate(probabilities(LEAF, SYMPTOM), "Tomato")[1] is None


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (square(0, 0, 0, 0), NO_LEAF),
        (square(0, 0, SIDE, SIDE), FILLS),
        (square(0, 0, SIDE, 70), CROPPED),
        (square(10, 10, 30, 30) | square(50, 50, 30, 30), SEVERAL),
    ],
    ids=["none", "fills", "cropped", "several"],
)
def test_where_no_single_leaf_stands_apart_the_reason_is_given(estimator, leaf, reason):
    assert estimator.estimate(probabilities(leaf, np.zeros_like(leaf)), "Coffee") == (None, reason)


def test_a_leaf_hardly_separable_from_its_background_is_not_measured(estimator):
    doubtful = 0.6 * probabilities(LEAF, SYMPTOM) + 0.4 / 3
    assert estimator.estimate(doubtful, "Coffee") == (None, UNCLEAR)


def test_a_head_whose_outputs_overflow_is_not_taken_for_a_photo_without_a_leaf(estimator):
    overflown = probabilities(LEAF, SYMPTOM)
    overflown[0, 0] = np.nan
    assert estimator.estimate(overflown, "Coffee") == (None, NOT_FINITE)


def test_small_islands_of_leaf_do_not_count(estimator):
    leaf = LEAF | square(90, 90, 3, 3)
    severity, _ = estimator.estimate(probabilities(leaf, SYMPTOM), "Coffee")
    assert severity.lesion_fraction == pytest.approx(180 / 3000)


def test_a_stricter_threshold_and_excluded_pixels_change_the_area(estimator):
    mixed = probabilities(LEAF, SYMPTOM)
    mixed[30:40, 30:45] = [0, 0.4, 0.6]
    assert estimator.measure(mixed, threshold=0.7).lesions == 1
    without = estimator.measure(probabilities(LEAF, SYMPTOM), excluded=square(28, 28, 14, 20))
    assert without.symptom.sum() == 30
    assert without.leaf.sum() == 3000


def test_lesions_of_one_or_two_pixels_are_not_counted():
    assert count_lesions(square(0, 0, 1, 2) | square(10, 10, 1, 3) | square(20, 20, 4, 4)) == 2


@pytest.mark.parametrize(
    ("fraction", "name"),
    [(0, "0 %"), (0.01, "up to 1 %"), (0.011, "1 to 3 %"), (0.25, "12 to 25 %"), (0.76, "over 75 %"), (1, "over 75 %")],
)
def test_areas_fall_into_the_classes_of_raters(fraction, name):
    assert area_class(fraction) == name
