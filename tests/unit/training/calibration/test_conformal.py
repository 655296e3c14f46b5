import numpy as np
import pytest

from hvit.calibration import fit_conformal
from training.calibration.conformal import (
    ALPHAS,
    CalibrationSet,
    choose_conformal,
    choose_level,
    field_weights,
    fit_thresholds,
    supported_levels,
)

CLASSES = ["Apple___Rust", "Apple___healthy", "Rice___Blast", "Rice___healthy", "Tomato___Mold", "Tomato___healthy"]


def _photos(probs, labels, accepted=None, sources=None, field=(), classes=CLASSES) -> CalibrationSet:
    n = len(labels)
    return CalibrationSet(
        probs,
        labels,
        np.arange(n),
        np.full(n, "lab") if sources is None else sources,
        np.ones(n, dtype=bool) if accepted is None else accepted,
        classes[: probs.shape[1]],
        field,
    )


def _answers(rng, count: int, sharpness: float):
    """Calibrated answers: labels are drawn from the probabilities."""
    logits = rng.normal(0, sharpness, (count, 6))
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs, np.array([rng.choice(6, p=p) for p in probs])


def test_the_level_leaves_most_errors_unnamed():
    level = choose_level(_photos(*_answers(np.random.default_rng(0), 1500, sharpness=4.0)))
    assert level.errors_not_named >= 0.6
    assert level.alpha == 0.02  # the mildest one suffices here


def test_a_model_sure_of_its_errors_gets_a_stricter_level():
    rng = np.random.default_rng(0)
    probs, labels = _answers(rng, 1500, sharpness=4.0)
    sure = probs**4 / (probs**4).sum(1, keepdims=True)
    wrong = np.flatnonzero(sure.argmax(1) != labels)
    labels[np.delete(np.arange(1500), wrong[:24])] = sure.argmax(1)[np.delete(np.arange(1500), wrong[:24])]
    assert choose_level(_photos(sure, labels)).alpha < 0.02


@pytest.mark.parametrize("count", [17, 70, 120, 1059])
def test_a_level_is_supported_where_its_sets_can_leave_a_class_out(count):
    levels = (0.1, 0.05, *ALPHAS)
    probs, labels = np.tile([0.9, 0.1], (round(count * 4 / 5), 1)), np.zeros(round(count * 4 / 5), dtype=int)
    useful = [alpha for alpha in levels if fit_conformal(probs, labels, alpha) < 1]
    assert supported_levels(levels, count) == useful


def test_rejected_errors_count_as_not_named():
    labels = np.zeros(200, dtype=int)
    labels[:2] = 1
    accepted = np.ones(200, dtype=bool)
    accepted[:2] = False
    assert choose_level(_photos(np.tile([0.99, 0.01], (200, 1)), labels, accepted)).errors_not_named == 1.0


def _certain(classes: list[int], probability: list[float]) -> np.ndarray:
    """Probabilities with one likeliest class a photo."""
    rows = np.array([[(1 - p) / 5] * 6 for p in probability])
    rows[np.arange(len(classes)), classes] = probability
    return rows


def test_each_predicted_crop_has_its_own_threshold_and_small_ones_share_one():
    # 49 apples at p = 0.9, 60 tomatoes at 0.6, and 10 photos of rice, too few even together: these get all photos'.
    classes = [0] * 49 + [4] * 60 + [2] * 10
    probs = _certain(classes, [0.9] * 49 + [0.6] * 60 + [0.8] * 10)
    thresholds = fit_thresholds(_photos(probs, np.array(classes)), 0.02, "by-crop")
    assert thresholds == pytest.approx({"apple": 0.1, "tomato": 0.4, "rice": 0.4})


def test_48_photos_are_too_few_for_a_threshold_of_their_own():
    classes = [0] * 48 + [2] * 48
    probs = _certain(classes, [0.9] * 48 + [0.7] * 48)
    thresholds = fit_thresholds(_photos(probs, np.array(classes)), 0.02, "by-crop")
    assert thresholds == pytest.approx({"apple": 0.3, "rice": 0.3, "tomato": 0.3})  # one pool of 96


def test_field_photos_weigh_as_much_as_all_others():
    weights = field_weights(np.array([True, False, False, False]))
    assert weights.tolist() == [3, 1, 1, 1]
    assert field_weights(np.array([False, False])).tolist() == [1, 1]


def test_a_weighted_threshold_by_hand():
    # Scores 0.1, 0.2, 0.3, 0.4; the last counts three times. Of 6 + 3: reached 1/9, 2/9, 3/9, 6/9.
    probs, labels = np.array([[0.9], [0.8], [0.7], [0.6]]), np.zeros(4, dtype=int)
    weights = np.array([1.0, 1, 1, 3])
    assert fit_conformal(probs, labels, 0.67, weights) == pytest.approx(0.3)
    assert fit_conformal(probs, labels, 0.4, weights) == pytest.approx(0.4)
    assert fit_conformal(probs, labels, 0.2, weights) == 1.0  # not reached


def test_equal_weights_are_as_none():
    probs, labels = _answers(np.random.default_rng(3), 300, 2.0)
    for alpha in (0.02, 0.1, 0.3):
        assert fit_conformal(probs, labels, alpha, np.full(300, 2.0)) == fit_conformal(probs, labels, alpha)


def _lab_and_field(rng, field: int, lab: int = 2000):
    """A model that is calibrated in the laboratory, and too sure of itself in the field."""
    lab_probs, lab_labels = _answers(rng, lab, 4.0)
    field_probs, field_labels = _answers(rng, field, 1.5)
    field_probs = field_probs**2 / (field_probs**2).sum(1, keepdims=True)
    sources = np.array(["lab"] * lab + ["orchard"] * field)
    return np.concatenate([lab_probs, field_probs]), np.concatenate([lab_labels, field_labels]), sources


def test_weights_for_the_field_are_chosen_where_pooled_sets_break_their_promise_there():
    probs, labels, sources = _lab_and_field(np.random.default_rng(0), 200)
    photos = _photos(probs, labels, sources=sources, field=["orchard"])
    level, reason, compared = choose_conformal(photos, (0.05,), ("pooled", "field-weighted"))
    assert compared["pooled"].coverage["orchard"] + 0.04 < compared["field-weighted"].coverage["orchard"]
    assert level.strategy == "field-weighted" and "field-weighted" in reason
    assert level.to_record().groups == "field-weighted"


def test_pooled_sets_are_chosen_where_they_keep_their_promise():
    probs, labels = _answers(np.random.default_rng(0), 2000, 4.0)
    sources = np.where(np.arange(2000) % 2, "lab", "orchard")
    level, _, compared = choose_conformal(_photos(probs, labels, sources=sources, field=["orchard"]), (0.05,))
    assert level.mean_set_size == min(found.mean_set_size for found in compared.values())


def test_what_cannot_be_compared_is_left_out_or_refused():
    probs, labels = _answers(np.random.default_rng(0), 300, 4.0)
    bare = ["Rust", "Mold", "Blast", "healthy", "Scab", "Spot"]
    _, _, compared = choose_conformal(_photos(probs, labels, classes=bare), (0.05,))
    assert list(compared) == ["pooled"]
    with pytest.raises(ValueError, match="by-crop.*several crops.*choose pooled"):
        choose_conformal(_photos(probs, labels, classes=bare), (0.05,), ("by-crop",))
    with pytest.raises(ValueError, match="field-weighted.*photos both of the field"):
        choose_conformal(_photos(probs, labels), (0.05,), ("field-weighted",))
