"""What the reader sees and corrects of the measured area."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.diagnose import words
from app.diagnose.area import Correction, corrected, numbered_regions, with_numbers
from hvit.models.segmentation import SegmentationHead
from hvit.severity.estimator import Severity, SeverityEstimator


def probabilities() -> np.ndarray:
    """A leaf of 40x40 px with spots of 100 and 16 px; the small one is only 0.6 likely."""
    areas = np.zeros((64, 64, 3), np.float32)
    areas[..., 0] = 1
    areas[10:50, 10:50] = [0, 1, 0]
    areas[15:25, 15:25] = [0, 0, 1]
    areas[40:44, 40:44] = [0, 0.4, 0.6]
    return areas


ESTIMATOR = SeverityEstimator(SegmentationHead((8, 8, 8, 8), 8, 8), 0.5, {}, {}, "")


def test_regions_are_numbered_from_the_largest():
    regions = numbered_regions(probabilities(), ESTIMATOR)
    assert [(number, region.sum()) for number, region in regions] == [(1, 100), (2, 16)]


def test_a_region_left_out_stays_leaf():
    found = corrected(probabilities(), ESTIMATOR, Correction(0.5, (1,)))
    assert found.lesion_fraction == pytest.approx(16 / 1600)


def test_a_stricter_threshold_takes_doubtful_spots_away():
    assert corrected(probabilities(), ESTIMATOR, Correction(0.7)).lesion_fraction == pytest.approx(100 / 1600)


def test_region_numbers_are_written_on_an_enlarged_photo():
    photo = np.zeros((64, 64, 3), np.uint8)
    shown = with_numbers(photo, numbered_regions(probabilities(), ESTIMATOR))
    assert shown.shape == (960, 960, 3)
    assert shown.max() == 255


def diagnosis(severity, reason=None, verdict="named"):
    return SimpleNamespace(verdict=verdict, severity=severity, severity_reason=reason)


def test_an_area_is_reported_with_its_interval_class_and_spots():
    text = words.area_sentences(diagnosis(Severity(0.042, 0.029, 0.058, 0.4, 12)))
    assert text == [
        "Symptoms on 4.2 % of the leaf (90 % interval 2.9 % to 5.8 %).",
        "Area class 3 to 6 %, 12 spots.",
    ]


def test_a_crop_that_was_never_validated_is_reported():
    of_tomato = diagnosis(Severity(0.2, 0.1, 0.3, 0.4, 1), "lesions never validated on tomato")
    text = words.area_sentences(of_tomato)
    assert words.area_headline(of_tomato) == [text[0], text[-1]]  # beside the number, not below the fold
    assert words.area_headline(of_tomato) + words.area_details(of_tomato) == [text[0], text[-1], *text[1:-1]]
    assert text[-1] == "Lesions never validated on tomato: take the area as a guess."


def test_an_area_below_the_least_measurable_one_is_not_given():
    text = words.area_sentences(diagnosis(Severity(0.004, 0.0, 0.01, 0.4, 1, least_measurable=0.02)))
    assert text == ["Under 2.0 % of the leaf is discolored: too little to be told from none with certainty."]


def test_specks_too_small_to_be_spots_are_no_discolored_area():
    text = words.area_sentences(diagnosis(Severity(0.0001, 0.0, 0.02, 0.4, 0)))
    assert text == ["No discolored area found."]


def test_the_least_measurable_area_itself_is_measured():
    text = words.area_sentences(diagnosis(Severity(0.02, 0.0, 0.05, 0.4, 1, least_measurable=0.02)))
    assert text[0] == "Symptoms on 2.0 % of the leaf (90 % interval 0.0 % to 5.0 %)."


def test_a_spot_that_rounds_to_nothing_is_not_shown_as_zero():
    text = words.area_sentences(diagnosis(Severity(0.0004, 0.0, 0.02, 0.4, 1)))
    assert text[0] == "Symptoms on under 0.1 % of the leaf (90 % interval 0.0 % to 2.0 %)."


def test_a_leaf_without_a_spot_is_reported_as_having_none():
    assert words.area_sentences(diagnosis(Severity(0.0, 0.0, 0.01, 0.4, 0))) == ["No discolored area found."]


def test_without_an_area_the_reason_is_shown():
    found = words.area_sentences(diagnosis(None, "several leaves; photograph one leaf alone"))
    assert found == ["Area with symptoms: not measured, because several leaves; photograph one leaf alone."]


@pytest.mark.parametrize("verdict", ["unfamiliar", "unreadable"])
def test_the_area_is_not_mentioned_without_a_diagnosis(verdict):
    assert words.area_sentences(diagnosis(None, "the photo is unfamiliar", verdict)) == []
