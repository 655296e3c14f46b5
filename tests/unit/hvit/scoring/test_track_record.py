"""Counts on recorded photos, worked by hand."""

import dataclasses

import numpy as np
import pytest

from hvit.scoring import track_record


def past(num_right: int, num_wrong: int, confidence: float) -> track_record.EvaluatedPhotos:
    """Photos of one crop, each named alone with `confidence` in a problem of two classes."""
    count = num_right + num_wrong
    probs = np.tile([confidence, 1 - confidence], (count, 1))
    labels = np.array([0] * num_right + [1] * num_wrong)
    sets = np.tile([True, False], (count, 1))
    return track_record.evaluated_photos(probs, labels, sets, np.array(["apple"] * count))


def test_of_forty_alike_photos_thirty_were_named_rightly():
    assert track_record.accuracy_at_confidence(past(30, 10, 0.8), 0.82) == track_record.Proportion(0.75, 40)


def test_photos_with_another_score_do_not_count():
    assert track_record.accuracy_at_confidence(past(30, 10, 0.8), 0.99) is None


def test_fewer_than_thirty_photos_prove_nothing():
    assert track_record.accuracy_at_confidence(past(20, 9, 0.8), 0.8) is None
    assert track_record.top1_accuracy(past(20, 9, 0.8)) is None


def test_a_list_holds_the_name_when_the_true_class_is_in_it():
    held = track_record.set_coverage(past(45, 5, 0.9))
    assert held.share == pytest.approx(0.9) and held.n == 50


def test_one_crop_is_counted_alone():
    assert len(past(30, 0, 0.9).of_crop("apple").correct) == 30
    assert len(past(30, 0, 0.9).of_crop("rice").correct) == 0


def test_field_photos_of_a_crop_are_counted_apart():
    # 40 apples of the field, 36 of them right and all named; 10 of the laboratory; no rice.
    found = past(46, 4, 0.9)
    outdoors = dataclasses.replace(found, is_field=np.arange(50) >= 10)
    assert track_record.field_record(outdoors, "apple") == track_record.FieldRecord(
        40, track_record.Proportion(0.9, 40), track_record.Proportion(0.9, 40), track_record.Proportion(0.9, 40)
    )
    assert track_record.field_record(outdoors, "rice") == track_record.FieldRecord(0, None, None, None)
    assert track_record.field_record(outdoors, "").n == 40
