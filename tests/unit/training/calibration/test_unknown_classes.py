import numpy as np
import pytest

from hvit.rejection import METHODS
from training.calibration.unknown_classes import (
    ACCEPTED,
    ACCEPTED_EACH,
    Acceptance,
    LeftOut,
    SetRecipe,
    leave_one_class_out,
    pooled_shares,
    rejection_threshold,
    unsure_quantile,
)
from training.frozen_features.labeled_features import LabeledFeatures


def test_the_threshold_accepts_enough_of_all_and_of_each():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0, 1, 900), rng.normal(3, 1, 100)])
    sources = np.array(["lab"] * 900 + ["field"] * 100)
    accepted = scores <= rejection_threshold(scores, sources)
    assert accepted.mean() >= ACCEPTED - 1e-3
    assert accepted[sources == "field"].mean() == pytest.approx(ACCEPTED_EACH, abs=0.02)  # and not more than needed


def test_field_photos_may_have_a_share_of_their_own():
    # 99 photos each: the ranks are 100 * 0.96 and 100 * 0.9.
    scores = np.concatenate([np.arange(1, 100), np.arange(1, 100) / 10]).astype(float)
    lab_stranger = np.array(["lab"] * 99 + ["orchard"] * 99)
    field_stranger = np.array(["orchard"] * 99 + ["lab"] * 99)
    acceptance = Acceptance(0.96, 0.9, ("orchard",))
    assert rejection_threshold(scores, lab_stranger, acceptance) == 96
    assert rejection_threshold(scores, field_stranger, acceptance) == 90


def _cloud(rng, per_class: int) -> LabeledFeatures:
    """Three classes at the corners of a triangle, in four equal stages; logits are the closeness to each."""
    centers = np.array([[10.0, 0, 0], [0, 10, 0], [0, 0, 10]])
    labels = np.repeat([0, 1, 2], per_class)
    points = centers[labels] + rng.normal(size=(3 * per_class, 3))
    groups = np.arange(len(labels)).astype(str)
    classes = ("Apple___Rust", "Apple___Scab", "Apple___healthy")
    return LabeledFeatures([points] * 4, points, labels, np.full(len(labels), "lab"), groups, classes)


def test_a_column_is_taken_out_and_labels_are_numbered_anew():
    photos = _cloud(np.random.default_rng(0), 2).without_column(1)
    assert photos.logits.shape == (6, 2) and photos.classes == ("Apple___Rust", "Apple___healthy")
    assert photos.labels.tolist() == [0, 0, -1, -1, 1, 1]


@pytest.mark.parametrize("name", ["knn", "mahalanobis"])
def test_a_class_that_lies_apart_is_unfamiliar_once_it_is_left_out(name):
    rng = np.random.default_rng(0)
    reference, calibrating, held = (_cloud(rng, count) for count in (200, 100, 20))
    found = leave_one_class_out(
        METHODS[name], reference, calibrating, held, SetRecipe(1.0, 0.05, "pooled"), Acceptance()
    )
    assert [part.name for part in found] == list(held.classes)
    assert all(part.shares() == {"n": 20, "named": 0.0, "unsure": 0.0, "unfamiliar": 1.0} for part in found)
    assert all(len(part.known_scores) == 200 for part in found)


def test_classes_with_few_photos_are_skipped():
    rng = np.random.default_rng(0)
    held = _cloud(rng, 20).only(np.arange(44))  # four of the last class
    found = leave_one_class_out(
        METHODS["knn"], _cloud(rng, 50), _cloud(rng, 50), held, SetRecipe(1.0, 0.05, "pooled"), Acceptance()
    )
    assert len(found) == 2


def _left_out() -> LeftOut:
    return LeftOut(
        "Apple___Rust",
        scores=np.array([1.0, 3.0, 5.0, 20.0]),
        sets_of_one=np.array([True, True, False, True]),
        known_scores=np.arange(11.0),
        threshold=10.0,
    )


def test_shares_by_hand():
    assert _left_out().shares() == {"n": 4, "named": 0.5, "unsure": 0.25, "unfamiliar": 0.25}
    assert _left_out().shares(0.2) == {"n": 4, "named": 0.25, "unsure": 0.5, "unfamiliar": 0.25}


def test_the_second_threshold_is_the_mildest_that_names_few_enough():
    quantile = unsure_quantile([_left_out()], 0.25, steps=100)
    assert quantile == pytest.approx(0.29)  # the known score at 0.3 is 3.0, which names the second photo
    assert pooled_shares([_left_out()], quantile)["named"] == 0.25
    assert unsure_quantile([_left_out()], 0.5) == 1.0


def test_shares_are_pooled_over_photos():
    other = LeftOut("b", np.array([0.0] * 12), np.array([True] * 12), np.arange(11.0), 10.0)
    assert pooled_shares([_left_out(), other])["named"] == pytest.approx(14 / 16)
