"""Counts on recorded photos, worked by hand."""

import numpy as np
import pytest

from app.diagnose import evidence


def past(num_right: int, num_wrong: int, confidence: float) -> evidence.Scored:
    """Photos of one crop, each named alone with `confidence` in a problem of two classes."""
    count = num_right + num_wrong
    probs = np.tile([confidence, 1 - confidence], (count, 1))
    labels = np.array([0] * num_right + [1] * num_wrong)
    sets = np.tile([True, False], (count, 1))
    return evidence.scored(probs, labels, sets, np.array(["apple"] * count))


def test_of_forty_alike_photos_thirty_were_named_rightly():
    assert evidence.named_rightly(past(30, 10, 0.8), 0.82) == evidence.Count(0.75, 40)


def test_photos_with_another_score_do_not_count():
    assert evidence.named_rightly(past(30, 10, 0.8), 0.99) is None


def test_fewer_than_thirty_photos_prove_nothing():
    assert evidence.named_rightly(past(20, 9, 0.8), 0.8) is None
    assert evidence.top1(past(20, 9, 0.8)) is None


def test_a_list_holds_the_name_when_the_true_class_is_in_it():
    held = evidence.lists_held_the_name(past(45, 5, 0.9))
    assert held.share == pytest.approx(0.9) and held.n == 50


def test_one_crop_is_counted_alone():
    assert len(past(30, 0, 0.9).of_crop("apple").right) == 30
    assert len(past(30, 0, 0.9).of_crop("rice").right) == 0


def test_field_photos_of_a_crop_are_counted_apart():
    # 40 apples of the field, 36 of them right and all named; 10 of the laboratory; no rice.
    found = past(46, 4, 0.9)
    outdoors = evidence.Scored(found.crop, found.confidence, found.right, found.set_size, found.covered, np.r_[
        np.zeros(10, dtype=bool), np.ones(40, dtype=bool)
    ])  # fmt: skip
    assert evidence.on_field(outdoors, "apple") == evidence.FieldFacts(
        40, evidence.Count(0.9, 40), evidence.Count(0.9, 40), evidence.Count(0.9, 40)
    )
    assert evidence.on_field(outdoors, "rice") == evidence.FieldFacts(0, None, None, None)
    assert evidence.on_field(outdoors, "").n == 40
