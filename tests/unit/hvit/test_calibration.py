import numpy as np
import pytest

from hvit.calibration import fit_conformal, fit_temperature, prediction_set, set_thresholds, softmax


def test_temperature_recovers_the_one_the_labels_were_sampled_at():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    labels = np.array([rng.choice(5, p=p) for p in softmax(logits, 2.0)])
    assert fit_temperature(logits, labels) == pytest.approx(2.0, rel=0.1)


def test_threshold_is_the_corrected_quantile():
    # Nine photos: rank ceil(10 * 0.8) = 8, so the eighth smallest of 1 - p.
    true = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    probs = np.stack([true, 1 - true], 1)
    assert fit_conformal(probs, np.zeros(9, dtype=int), alpha=0.2) == pytest.approx(0.8)


def test_too_few_photos_give_every_class():
    probs = np.array([[0.9, 0.1]])
    threshold = fit_conformal(probs, np.array([0]), alpha=0.05)
    assert threshold == 1.0 and prediction_set(probs, threshold).all()


def test_sets_cover_as_often_as_promised():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(8, 0.4), size=8000)
    labels = np.array([rng.choice(8, p=p) for p in probs])
    threshold = fit_conformal(probs[:4000], labels[:4000], alpha=0.1)
    covered = prediction_set(probs[4000:], threshold)[np.arange(4000), labels[4000:]].mean()
    assert covered == pytest.approx(0.9, abs=0.02)


def test_every_set_holds_the_most_likely_class():
    mask = prediction_set(np.array([[0.4, 0.35, 0.25], [0.98, 0.01, 0.01]]), threshold=0.1)
    assert mask.tolist() == [[True, False, False], [True, False, False]]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_error_rates_outside_0_and_1_are_refused(alpha):
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_conformal(np.array([[0.5, 0.5]]), np.array([0]), alpha)


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(ValueError, match="no photos"):
        fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int))


def test_a_threshold_for_each_photo():
    probs = np.array([[0.8, 0.2], [0.8, 0.2]])
    assert prediction_set(probs, np.array([0.5, 0.9])).sum(1).tolist() == [1, 2]
    with pytest.raises(ValueError, match="between 0 and 1"):
        prediction_set(probs, np.array([0.5, 1.2]))


def test_the_predicted_crop_chooses_the_threshold():
    classes = ["Apple___Rust", "Corn_(maize)___Rust"]
    probs = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert set_thresholds({"apple": 0.1, "maize": 0.2}, probs, classes).tolist() == [0.1, 0.2]
    assert set_thresholds(0.3, probs, classes).tolist() == [0.3, 0.3]
    with pytest.raises(ValueError, match="no number for 'maize'"):
        set_thresholds({"apple": 0.1}, probs, classes)


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_weights_must_be_above_zero(weight):
    with pytest.raises(ValueError, match="above 0"):
        fit_conformal(np.array([[0.9, 0.1]]), np.array([0]), 0.1, np.array([weight]))
