import numpy as np
import pytest

from hvit.rejection import METHODS, OodDetector
from hvit.runs.model_card import ConformalRecord
from hvit.verdicts import at_least_two, conformal_sets, decide

CLASSES = ["Apple___Rust", "Apple___healthy", "Tomato___Late_blight"]
PROBS = np.array([[0.95, 0.03, 0.02], [0.6, 0.3, 0.1], [0.02, 0.03, 0.95]])


def _energy(*values: float) -> np.ndarray:
    """Logits whose energy score is each of the values."""
    return np.array([[-value - np.log(2)] * 2 for value in values])


def test_named_unsure_and_unfamiliar():
    ood = OodDetector(METHODS["energy"].fit(), threshold=1.0)
    conformal = ConformalRecord(0.1, "lac", 0.7)
    text = decide(PROBS, CLASSES, conformal, ood, [], _energy(0.0, 0.5, 1.5))
    assert text.words.tolist() == ["named", "unsure", "unfamiliar"]
    assert text.scores == pytest.approx([0.0, 0.5, 1.5])
    assert text.sets.tolist() == [[True, False, False], [True, True, False], [False, False, True]]


def test_a_photo_beyond_the_second_threshold_is_unsure_between_its_two_likeliest_classes():
    ood = OodDetector(METHODS["energy"].fit(), threshold=1.0, unsure_threshold=0.2)
    text = decide(PROBS, CLASSES, ConformalRecord(0.1, "lac", 0.3), ood, [], _energy(0.5, 0.1, 2.0))
    assert text.words.tolist() == ["unsure", "named", "unfamiliar"]
    assert text.sets[0].tolist() == [True, True, False]
    assert text.sets[2].sum() == 1  # an unfamiliar photo keeps its set
    assert text.widened.tolist() == [True, False, False]


def test_a_set_that_has_two_classes_anyway_was_not_widened():
    ood = OodDetector(METHODS["energy"].fit(), threshold=1.0, unsure_threshold=0.2)
    text = decide(PROBS[1:2], CLASSES, ConformalRecord(0.1, "lac", 0.7), ood, [], _energy(0.5))
    assert text.sets.sum() == 2 and not text.widened[0]


def test_without_rejection_all_are_accepted():
    text = decide(PROBS, CLASSES, ConformalRecord(0.1, "lac", 0.3), None, [], None)
    assert text.scores is None and text.accepted.all()


def test_the_crop_of_the_likeliest_class_chooses_the_threshold():
    thresholds = {"apple": 0.99, "tomato": 0.1}
    sets = conformal_sets(PROBS, CLASSES, ConformalRecord(0.1, "lac", thresholds))
    assert sets.sum(1).tolist() == [3, 3, 1]


def test_classes_ruled_out_beforehand_are_never_in_a_set():
    probs = np.array([[0.6, 0.4, 0.0]])
    assert conformal_sets(probs, CLASSES, ConformalRecord(0.1, "lac", 1.0)).tolist() == [[True, True, False]]
    only = np.array([[1.0, 0.0, 0.0]])
    assert at_least_two(np.array([[True, False, False]]), only, np.array([True])).tolist() == [[True, False, False]]


def test_without_prediction_sets_only_the_likeliest_class_is_named():
    assert conformal_sets(PROBS, CLASSES, None).sum(1).tolist() == [1, 1, 1]
