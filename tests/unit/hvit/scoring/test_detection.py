"""Detection of unknown photos, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hvit.scoring.detection import accepted_curve, auroc, detect, threshold_accepting
from hvit.scoring.distances import Distances

scores = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=30).map(np.array)


def distances(score, kind, data=None, set_size=None) -> Distances:
    n = len(score)
    data = np.array(data or ["a"] * n)
    sizes = np.ones(n, dtype=int) if set_size is None else np.array(set_size)
    texts = np.array([str(i) for i in range(n)])
    return Distances(data, np.array(kind), texts, texts, np.array(score, dtype=float), sizes, "d")


@given(scores, scores)
def test_auroc_is_scikit_learns(known, unknown):
    area, (low, high) = auroc(known, unknown)
    truth = np.r_[np.zeros(len(known)), np.ones(len(unknown))]
    assert area == pytest.approx(roc_auc_score(truth, np.r_[known, unknown]))
    assert 0 <= low <= area <= high <= 1


def test_the_interval_is_delongs_by_hand():
    """Placements of unknown 2 and 0 among known 1 and 3: 1/2 and 0; of the known: 1/2 below... variances 1/8 each."""
    area, (low, high) = auroc(np.array([1.0, 3.0]), np.array([2.0, 0.0]))
    assert area == 0.25
    half = 1.959963984540054 * np.sqrt(0.125 / 2 + 0.125 / 2)
    assert (low, high) == (0.0, pytest.approx(0.25 + half))


def test_the_interval_of_delong_is_about_that_of_the_bootstrap():
    rng = np.random.default_rng(0)
    known, unknown = rng.normal(0, 1, 400), rng.normal(1, 1, 200)
    drawn = [auroc(rng.choice(known, 400), rng.choice(unknown, 200))[0] for _ in range(600)]
    area, (low, high) = auroc(known, unknown)
    assert high - low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.12)
    assert low < area < high


def test_a_threshold_accepts_and_a_second_one_names():
    """Three known photos at 1, 2, 3, the last with a set of two; unknown ones at 1 and 9."""
    found = detect(
        distances([1, 2, 3, 1, 9], ["known"] * 3 + ["not_leaf"] * 2, set_size=[1, 1, 2, 1, 1]), 3.0, 1.5, False
    )
    known, unknown = found
    assert (known.kind, known.n, known.accepted, known.named, known.auroc) == (
        "known",
        3,
        1.0,
        pytest.approx(1 / 3),
        None,
    )
    assert (unknown.kind, unknown.n, unknown.accepted, unknown.named) == ("not_leaf", 2, 0.5, 0.5)
    assert unknown.auroc == pytest.approx((0.5 / 3 + 1) / 2)


def test_rows_by_data_set_begin_with_the_known():
    found = detect(distances([1, 2, 3], ["green", "known", "known"], ["g", "b", "a"]), 2.0, None, True)
    assert [(row.data, row.kind, row.accepted) for row in found] == [
        ("a", "known", 0),
        ("b", "known", 1),
        ("g", "green", 1),
    ]


def test_unknown_photos_alone_have_no_auroc():
    assert detect(distances([1], ["green"]), 2.0, None, False)[0].auroc is None


@given(scores, st.integers(1, 20).map(lambda k: k / 20))
def test_the_smallest_threshold_accepts_at_least_the_share_asked_for(values, share):
    threshold = threshold_accepting(values, share)
    assert (values <= threshold).mean() >= share - 1e-12
    assert (values < threshold).mean() < share  # any smaller one accepts less


@given(scores, scores)
def test_the_curve_of_accepted_photos_is_their_distribution(values, thresholds):
    assert accepted_curve(values, thresholds).tolist() == [(values <= t).mean() for t in thresholds]


def test_scores_of_one_kind_are_no_auroc():
    with pytest.raises(ValueError, match="AUROC of 0 known and 1 unknown"):
        auroc(np.array([]), np.array([1.0]))


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="share is 1.2"):
        threshold_accepting(np.array([1.0]), 1.2)
