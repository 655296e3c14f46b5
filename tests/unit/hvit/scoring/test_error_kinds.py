"""Kinds of error, and labels worth a second look."""

import numpy as np

from hvit.scoring.error_kinds import KINDS, find_label_issues, kinds_of_error, most_confident_errors


def test_every_answer_is_of_one_kind():
    classes = ["Tomato___Late_blight", "Tomato___Early_blight", "Tomato___healthy", "Potato___healthy"]
    pairs = {(0, 0): "right", (0, 1): "wrong_disease", (0, 2): "missed_disease", (2, 1): "false_alarm"}
    pairs |= {(0, 3): "wrong_crop", (3, 0): "wrong_crop", (2, 3): "wrong_crop"}
    labels, predicted = np.array(list(pairs)).T
    assert [KINDS[n] for n in kinds_of_error(classes, labels, predicted)] == list(pairs.values())


def test_without_crops_no_crop_is_wrong():
    labels, predicted = np.array([0, 0, 1, 2]), np.array([1, 2, 0, 2])
    kinds = kinds_of_error(["Rust", "Scab", "healthy"], labels, predicted)
    assert [KINDS[n] for n in kinds] == ["wrong_disease", "missed_disease", "wrong_disease", "right"]


def test_the_surest_error_comes_first():
    probs = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    assert most_confident_errors(np.array([1, 0, 0, 1]), probs).tolist() == [2, 3, 0]


def test_confident_learning_by_hand():
    """Class 0 averages (0.9 + 0.8 + 0.3 + 0.6) / 4 = 0.65, class 1 (0.9 + 0.7 + 0.8 + 0.2 + 0.4) / 5 = 0.6.

    Row 2 claims class 1 (0.7 >= 0.6) against its label by 0.4, row 7 class 0 (0.8 >= 0.65) by 0.6. Row 8 is answered
    wrongly too, but 0.6 for class 0 is less than its average: no class is claimed.
    """
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    first = np.array([0.9, 0.8, 0.3, 0.6, 0.1, 0.3, 0.2, 0.8, 0.6])
    rows, claimed = find_label_issues(labels, np.stack([first, 1 - first], axis=1))
    assert rows.tolist() == [7, 2] and claimed.tolist() == [0, 1]


def test_a_label_can_be_worth_a_look_though_it_was_named():
    """Class 1 averages 0.25 over its photos: row 1 reaches that, and not the 0.8 of its own class."""
    probs = np.array([[1.0, 0.0], [0.6, 0.4], [0.75, 0.25], [0.75, 0.25]])
    rows, claimed = find_label_issues(np.array([0, 0, 1, 1]), probs)
    assert rows.tolist() == [1] and claimed.tolist() == [1]


def test_a_class_that_labels_no_photo_is_never_claimed():
    probs = np.array([[0.5, 0.1, 0.4], [0.1, 0.2, 0.7], [0.1, 0.8, 0.1]])
    assert len(find_label_issues(np.array([0, 0, 1]), probs)[0]) == 0
