import numpy as np
import pytest

from hvit.calibration import fit_conformal
from training.calibrate import ACCEPTED, ACCEPTED_EACH, ALPHAS, choose_level, rejection_threshold, supported


def _answers(rng, count: int, sharpness: float):
    """Calibrated answers: labels are drawn from the probabilities."""
    logits = rng.normal(0, sharpness, (count, 6))
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs, np.array([rng.choice(6, p=p) for p in probs])


def test_the_level_leaves_most_errors_unnamed():
    probs, labels = _answers(np.random.default_rng(0), 1500, sharpness=4.0)
    groups = np.arange(1500)
    level = choose_level(probs, labels, groups, accepted=np.ones(1500, dtype=bool))
    assert level.errors_not_named >= 0.6
    assert level.alpha == 0.02  # the mildest one suffices here


def test_a_model_sure_of_its_errors_gets_a_stricter_level():
    rng = np.random.default_rng(0)
    probs, labels = _answers(rng, 1500, sharpness=4.0)
    sure = probs**4 / (probs**4).sum(1, keepdims=True)
    wrong = np.flatnonzero(sure.argmax(1) != labels)
    labels[np.delete(np.arange(1500), wrong[:24])] = sure.argmax(1)[np.delete(np.arange(1500), wrong[:24])]
    level = choose_level(sure, labels, np.arange(1500), accepted=np.ones(1500, dtype=bool))
    assert level.alpha < 0.02


@pytest.mark.parametrize("count", [17, 70, 120, 1059])
def test_a_level_is_supported_where_its_sets_can_leave_a_class_out(count):
    levels = (0.1, 0.05, *ALPHAS)
    probs, labels = np.tile([0.9, 0.1], (round(count * 4 / 5), 1)), np.zeros(round(count * 4 / 5), dtype=int)
    useful = [alpha for alpha in levels if fit_conformal(probs, labels, alpha) < 1]
    assert supported(levels, count) == useful


def test_rejected_errors_count_as_not_named():
    probs = np.tile([0.99, 0.01], (200, 1))
    labels = np.zeros(200, dtype=int)
    labels[:2] = 1
    accepted = np.ones(200, dtype=bool)
    accepted[:2] = False
    assert choose_level(probs, labels, np.arange(200), accepted).errors_not_named == 1.0


def test_the_threshold_accepts_enough_of_all_and_of_each():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0, 1, 900), rng.normal(3, 1, 100)])
    sources = np.array(["lab"] * 900 + ["field"] * 100)
    accepted = scores <= rejection_threshold(scores, sources)
    assert accepted.mean() >= ACCEPTED - 1e-3
    assert accepted[sources == "field"].mean() >= ACCEPTED_EACH - 0.01
    assert accepted[sources == "field"].mean() == pytest.approx(ACCEPTED_EACH, abs=0.02)  # and not more than needed
