"""Scores of a severity estimate against masks."""

import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvit.scoring.segmentation import count_pixels, pooled_iou
from hvit.scoring.severity import iou_difference, severity_scores
from hvit.severity.records import MeasuredPhoto, records_of

ROW = MeasuredPhoto("a", "0" * 64, "coffee", "", "head", True, 100, 50, 40, 40, 10, 8, 6, 0.2, 0.2, 0.1, 0.3, 2, None)


def test_iou_is_pooled_over_pixels_and_not_averaged_over_photos():
    rows = [ROW, replace(ROW, path="b", symptom_true=0, symptom_predicted=2, symptom_both=0)]
    scores = severity_scores(rows)
    assert scores.symptom_iou.value == pytest.approx(6 / (10 + 10 - 6))
    assert scores.leaf_iou.value == pytest.approx(80 / 100)


def test_photos_without_an_area_count_as_not_measured():
    rows = [ROW, replace(ROW, path="b", area=None, low=None, high=None)]
    scores = severity_scores(rows)
    assert (scores.n, scores.measured) == (2, 1)
    assert scores.mae.value == 0


def test_coverage_counts_intervals_that_hold_the_truth():
    rows = [replace(ROW, path=str(i), area_true=true) for i, true in enumerate((0.1, 0.3, 0.31, 0.05))]
    assert severity_scores(rows).coverage.value == 0.5


def test_masks_without_a_leaf_outline_have_no_leaf_iou():
    rows = [replace(ROW, leaf_known=False, area_true=None)]
    scores = severity_scores(rows)
    assert (scores.leaf_iou.value, scores.concordance.value, scores.measured) == (None, None, 0)


def test_a_difference_is_paired_by_photo():
    first = [replace(ROW, path=str(i)) for i in range(30)]
    second = [replace(row, symptom_both=8) for row in reversed(first)]
    difference = iou_difference(first, second)
    assert difference.value == pytest.approx(8 / 10 - 6 / 12)
    assert difference.interval[0] > 0


def test_methods_of_other_photos_are_not_compared():
    with pytest.raises(ValueError, match="same photos"):
        iou_difference([ROW], [replace(ROW, path="other")])


def test_counts_of_a_photo_by_hand():
    probabilities = np.zeros((2, 2, 3), np.float32)
    probabilities[0, 0], probabilities[0, 1] = [0.1, 0.2, 0.7], [0.1, 0.8, 0.1]
    probabilities[1, 0], probabilities[1, 1] = [0.9, 0.1, 0.0], [0.4, 0.4, 0.2]
    shares = np.zeros((2, 2, 3), np.float32)
    shares[0, 0, 2] = shares[0, 1, 2] = shares[1, 0, 1] = shares[1, 1, 0] = 1
    assert count_pixels(probabilities, shares).tolist() == [3, 3, 2, 2, 1, 1]
    assert pooled_iou(np.array([[3, 3, 2]])) == 2 / 4
    assert pooled_iou(np.zeros((1, 3), int)) is None


def test_damaged_columns_are_refused():
    columns = {name: [value] for name, value in ROW.row().items()}
    assert records_of(columns) == [ROW]
    with pytest.raises(ValueError, match="lacks the columns area"):
        records_of({name: values for name, values in columns.items() if name != "area"})
    with pytest.raises(ValueError, match="damaged values"):
        records_of(columns | {"area": [7.0]})


@pytest.mark.parametrize(
    "change",
    [
        {"leaf_both": 41}, {"symptom_both": 9}, {"leaf_true": 101}, {"pixels": -1}, {"symptom_true": 1.5},
        {"leaf_known": None}, {"leaf_known": 1}, {"low": 0.4}, {"low": float("nan")}, {"lesions": -1},
        {"lesions": "many"}, {"reason": 3}, {"method": None}, {"data": None}, {"area": True},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_no_photo_can_have_are_refused(change):
    columns = {name: [value] for name, value in (ROW.row() | change).items()}
    with pytest.raises(ValueError, match="damaged values"):
        records_of(columns)


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 3), min_size=1, max_size=12), st.integers(0, 2**32))
def test_scores_are_those_of_a_second_computation(triples, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for i, (true, predicted, both) in enumerate(triples):
        area_true, area, low, high = (float(v) for v in rng.random(4))
        rows.append(
            replace(
                ROW, path=str(i), symptom_true=true, symptom_predicted=predicted,
                symptom_both=min(true, predicted, both),
                area_true=area_true, area=area, low=min(low, high), high=max(low, high),
            )
        )  # fmt: skip
    scores = severity_scores(rows, resamples=0)
    both = sum(r.symptom_both for r in rows)
    union = sum(r.symptom_true + r.symptom_predicted - r.symptom_both for r in rows)
    assert scores.symptom_iou.value == (None if union == 0 else pytest.approx(both / union))
    assert scores.mae.value == pytest.approx(sum(abs(r.area - r.area_true) for r in rows) / len(rows))
    assert scores.coverage.value == pytest.approx(sum(r.low <= r.area_true <= r.high for r in rows) / len(rows))
    if len(rows) > 1:
        differences = [r.area - r.area_true for r in rows]
        bias, spread = statistics.fmean(differences), statistics.stdev(differences)
        limits = (scores.limits.bias, scores.limits.low, scores.limits.high)
        assert limits == pytest.approx((bias, bias - 1.96 * spread, bias + 1.96 * spread))


def test_methods_on_the_same_photos_in_another_order_have_no_difference():
    rows = [replace(ROW, path=str(i), symptom_both=i % 7) for i in range(20)]
    assert iou_difference(rows, list(reversed(rows))).interval == (0, 0)


def test_a_table_without_rows_has_no_scores():
    scores = severity_scores([])
    assert (scores.n, scores.symptom_iou.value, scores.symptom_iou.interval, scores.limits) == (0, None, None, None)
