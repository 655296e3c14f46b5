"""Prediction sets at other levels, against MAPIE and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from hvit.calibration import fit_conformal
from hvit.runs.model_card import ConformalRecord, DetectorRecord
from hvit.runs.predictions import Predictions
from hvit.scoring.distances import Distances
from hvit.scoring.set_levels import (
    cross_fitted_sets,
    folds_of,
    level_curve,
    near_limit,
    score_sets,
    score_sets_by_group,
    served_sets,
    supported_levels,
)


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose input is what it predicts."""

    def __init__(self, num_classes=3):
        self.num_classes = num_classes
        self.classes_ = np.arange(num_classes)

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X.argmax(1)

    def predict_proba(self, X):
        return X


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.1, 0.2]))
def test_sets_are_those_of_mapie(seed, alpha):
    rng = np.random.default_rng(seed)
    probs, labels = rng.dirichlet(np.ones(3), 240), rng.integers(0, 3, 240)
    folds = np.arange(240) % 2
    ours = cross_fitted_sets(probs, labels, folds, alpha)
    for fold in (0, 1):
        inside = folds == fold
        mapie = SplitConformalClassifier(
            GivenProbabilities(), confidence_level=1 - alpha, conformity_score="lac", prefit=True
        )
        mapie.conformalize(probs[~inside], labels[~inside])
        theirs = mapie.predict_set(probs[inside])[1][:, :, 0]
        theirs[np.arange(len(theirs)), probs[inside].argmax(1)] = True  # ours are never empty
        assert (ours[inside] == theirs).all()


@given(st.integers(0, 2**32 - 1))
def test_a_milder_level_makes_sets_that_lie_within_those_of_a_stricter_one(seed):
    rng = np.random.default_rng(seed)
    probs, labels, folds = rng.dirichlet(np.ones(4), 200), rng.integers(0, 4, 200), np.arange(200) % 5
    strict, mild = (cross_fitted_sets(probs, labels, folds, alpha) for alpha in (0.05, 0.2))
    assert (strict | ~mild).all()


def test_coverage_keeps_the_promise_on_exchangeable_photos():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(5) * 0.4, 4000)
    labels = np.array([rng.choice(5, p=row) for row in probs])
    sets = cross_fitted_sets(probs, labels, np.arange(4000) % 5, 0.1)
    assert score_sets(sets, labels).coverage == pytest.approx(0.9, abs=0.015)  # three standard errors


def test_scores_by_hand():
    """Sets of 1, 2, 1 and 3 classes; the third misses the true class."""
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 1]], dtype=bool)
    found = score_sets(sets, np.array([0, 1, 2, 2]))
    assert (found.n, found.coverage, found.mean_size, found.single, found.single_correct) == (4, 0.75, 1.75, 0.5, 0.5)
    by_crop = score_sets_by_group(sets, np.array([0, 1, 2, 2]), np.array(["b", "b", "a", "a"]))
    assert [(row.group, row.coverage) for row in by_crop] == [("a", 0.5), ("b", 1.0)]


def test_without_single_names_their_accuracy_is_unknown():
    assert score_sets(np.ones((2, 2), dtype=bool), np.array([0, 1])).single_correct is None


def test_copies_of_a_photo_share_a_fold():
    folds = folds_of([f"{i % 500:064x}" for i in range(1000)])
    assert (folds[:500] == folds[500:]).all() and np.bincount(folds).min() > 150  # of 200 each


def test_too_few_photos_hold_no_strict_level():
    """Of 24 photos four fifths fit a threshold: 19.2 + 1 times 5 % is above 1, times 4 % is not."""
    assert supported_levels(24, (0.04, 0.05)) == [0.05]


@given(st.integers(3, 400))
def test_a_supported_level_does_not_need_the_largest_score(n):
    """Otherwise the threshold is 1, and every class is in every set."""
    rng = np.random.default_rng(n)
    for alpha in supported_levels(n)[:1]:
        fitted = int(n * 0.8)
        probs, labels = rng.dirichlet(np.ones(3), fitted + 1), rng.integers(0, 3, fitted + 1)
        assert fit_conformal(probs, labels, alpha) < 1


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="over 1 fold"):
        cross_fitted_sets(np.ones((2, 1)), np.zeros(2, dtype=int), np.zeros(2), 0.1)


def test_no_photos_are_refused():
    with pytest.raises(ValueError, match="no photos to measure prediction sets on in apple"):
        score_sets(np.zeros((0, 2), dtype=bool), np.zeros(0, dtype=int), "apple")


def predictions(probs: list[list[float]], labels: list[int]) -> Predictions:
    hashes = tuple(f"{i:064x}" for i in range(len(labels)))
    return Predictions("r", "test", ("A", "B"), hashes, hashes, np.array(labels), np.array(probs), True)


def test_photos_between_the_two_thresholds_keep_two_classes():
    found = predictions([[0.9, 0.1]] * 3, [0, 0, 0])
    texts = np.array(found.sha256)
    known = Distances(texts, np.full(3, "known"), texts, texts, np.array([1.0, 2.0, 3.0]), np.ones(3, int), "d")
    near = near_limit(found.sha256, known, DetectorRecord("knn", "r.npz", 2.5, "d", 1.5))
    assert near.tolist() == [False, True, False]
    sets = served_sets(found, ConformalRecord(0.1, "lac", 0.5), near)
    assert sets.sum(1).tolist() == [1, 2, 1]
    assert served_sets(found, ConformalRecord(0.1, "lac", 0.5)).sum(1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("ood", [None, DetectorRecord("knn", "r.npz", 1.0, "d")])
def test_without_a_second_threshold_no_photo_is_near_it(ood):
    assert near_limit([], None, ood) is None


def test_a_photo_without_a_recorded_distance_leaves_the_rule_out():
    texts = np.array(["a"])
    known = Distances(texts, texts, texts, texts, np.array([1.0]), np.ones(1, int), "d")
    assert near_limit(["a", "b"], known, DetectorRecord("knn", "r.npz", 2.5, "d", 1.5)) is None


def test_a_run_without_thresholds_serves_no_sets():
    assert served_sets(predictions([[0.9, 0.1]], [0]), None) is None


def test_the_curve_begins_with_the_strictest_level_and_never_grows_in_size():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet([1, 1], 300)
    curve = level_curve(predictions(probs.tolist(), rng.integers(0, 2, 300).tolist()))
    levels, sizes = [alpha for alpha, _ in curve], [scores.mean_size for _, scores in curve]
    assert levels == sorted(levels) and sizes == sorted(sizes, reverse=True)
    assert level_curve(predictions([[0.5, 0.5]] * 3, [0, 0, 0])) == []
