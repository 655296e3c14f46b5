"""What is counted of a selection, worked by hand."""

import numpy as np
import pytest

from app.feature_space.selection import Confusion, shown_first, summarize


def test_a_selection_is_counted(samples):
    summary = summarize(samples, np.array([0, 1, 2, 3, 4]))
    assert (summary.n, summary.right) == (5, 2)
    # Wilson by hand, z = 1.96: center (0.4 + 1.92/5) / (1 + 3.84/5) = 0.4434, half width 0.3258
    assert (summary.low, summary.high) == pytest.approx((0.1176, 0.7693), abs=1e-3)
    assert summary.classes == (("Tomato___Late_blight", 3, 1), ("Potato___Early_blight", 2, 1))
    assert summary.confusion == Confusion("Tomato___Late_blight", "Tomato___healthy", 2)


def test_where_all_is_right_there_is_no_confusion(samples):
    assert summarize(samples, np.array([0, 2, 5])).confusion is None


def test_sure_errors_are_shown_first_and_sure_hits_last(samples):
    # wrong at 80, 60 and 40 %, then right at 71, 95 and 99 %
    assert shown_first(samples, np.arange(6)).tolist() == [1, 3, 4, 5, 2, 0]


def test_samples_are_found_by_their_ids(samples):
    assert samples.rows_of(frozenset({"id4", "id1", "elsewhere"})).tolist() == [1, 4]
