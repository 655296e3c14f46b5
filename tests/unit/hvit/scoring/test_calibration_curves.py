"""Calibration scores against hand-worked numbers, scikit-learn and torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from hvit.models.torchvision_ops import declare_missing_torchvision_ops
from hvit.scoring import metrics
from hvit.scoring.calibration_curves import data_sets_of, score_calibration, score_calibration_by_group

declare_missing_torchvision_ops()  # before torchmetrics, which imports torchvision

from torchmetrics.functional.classification import binary_calibration_error  # noqa: E402

seeds = st.integers(0, 2**32 - 1)


def of_confidence(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes, of which the first is predicted, and labels that make some of them correct."""
    return np.stack([confidence, 1 - confidence], axis=1), np.where(correct, 0, 1)


def drawn(seed: int, n: int, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(num_classes), n), rng.integers(0, num_classes, n)


def test_scores_by_hand():
    """Confidence 0.8 four times, three correct: one bin, a gap of 0.05."""
    found = score_calibration(*of_confidence(np.full(4, 0.8), np.array([1, 1, 1, 0], dtype=bool)), num_bins=1)
    assert (found.n, found.accuracy) == (4, 0.75) and found.confidence == pytest.approx(0.8)
    assert found.ece == pytest.approx(0.05)
    assert found.nll == pytest.approx(-(3 * np.log(0.8) + np.log(0.2)) / 4)
    assert found.brier == pytest.approx((3 * 2 * 0.2**2 + 2 * 0.8**2) / 4)


@given(seeds, st.integers(1, 80))
def test_scores_are_those_of_the_metrics_whatever_the_order_of_photos(seed, n):
    probs, labels = drawn(seed, n)
    found, order = score_calibration(probs, labels), np.random.default_rng(seed).permutation(n)
    assert found.ece == pytest.approx(metrics.ece(probs, labels))
    assert found.nll == pytest.approx(log_loss(labels, probs, labels=range(4)))
    assert found.brier == pytest.approx(brier_score_loss(np.eye(4)[labels], probs, scale_by_half=False))
    assert score_calibration(probs[order], labels[order]).ece == pytest.approx(found.ece)


@given(seeds, st.integers(2, 12), st.integers(1, 8))
def test_ece_equals_torchmetrics_where_bins_of_equal_mass_and_of_equal_width_coincide(seed, per_bin, num_bins):
    rng = np.random.default_rng(seed)
    width = 0.5 / num_bins  # torchmetrics divides [0, 1]; the lower half stays empty
    inside = rng.uniform(0.05, 0.95, (num_bins, per_bin))
    confidence = (0.5 + (np.arange(num_bins)[:, None] + inside) * width).ravel()
    correct = rng.random(len(confidence)) < 0.6
    probs, labels = of_confidence(confidence, correct)
    theirs = binary_calibration_error(torch.tensor(confidence), torch.tensor(correct).long(), n_bins=2 * num_bins)
    assert metrics.ece(probs, labels, num_bins) == pytest.approx(float(theirs), abs=1e-6)


@given(seeds, st.integers(1, 6), st.integers(2, 10))
def test_the_reliability_diagram_is_scikit_learns_with_quantile_bins(seed, num_bins, per_bin):
    rng = np.random.default_rng(seed)
    confidence = 0.5 + rng.permutation(num_bins * per_bin) / (2 * num_bins * per_bin) + 1e-3
    correct = rng.random(len(confidence)) < confidence
    rows = metrics.reliability(*of_confidence(confidence, correct), num_bins)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=num_bins, strategy="quantile")
    assert [row["accuracy"] for row in rows] == pytest.approx(accuracy.tolist())
    assert [row["confidence"] for row in rows] == pytest.approx(mean.tolist())


@given(seeds)
def test_every_interval_holds_its_value(seed):
    found = score_calibration(*drawn(seed, 60))
    for value, (low, high) in ((found.ece, found.ece_ci), (found.nll, found.nll_ci), (found.brier, found.brier_ci)):
        assert low <= value <= high


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    """NLL is a mean: its bootstrap interval is the value plus or minus 1.96 standard errors."""
    probs, labels = drawn(3, 2000)
    losses = -np.log(probs[np.arange(2000), labels])
    low, high = score_calibration(probs, labels).nll_ci
    half = 1.96 * losses.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((losses.mean() - half, losses.mean() + half), rel=0.02)


def test_a_calibrated_model_shows_about_the_ece_that_is_expected_of_it():
    rng = np.random.default_rng(0)
    values = []
    for _ in range(40):
        confidence = rng.uniform(0.5, 1, 300)
        values.append(score_calibration(*of_confidence(confidence, rng.random(300) < confidence)))
    expected = np.mean([found.ece_expected for found in values])
    assert np.mean([found.ece for found in values]) == pytest.approx(expected, rel=0.1)
    assert expected > 0.02  # of 15 bins with 20 photos each


def test_groups_follow_all_photos_and_add_up():
    probs, labels = drawn(1, 90)
    groups = np.repeat(["b", "a", "c"], 30)
    found = score_calibration_by_group(probs, labels, groups)
    assert [row.group for row in found] == ["all", "a", "b", "c"]
    assert np.mean([row.brier for row in found[1:]]) == pytest.approx(found[0].brier)
    assert len(score_calibration_by_group(probs, labels, np.full(90, "a"))) == 1


def test_no_photos_are_refused_by_the_name_of_their_group():
    with pytest.raises(ValueError, match="no photos to measure calibration on in field"):
        score_calibration(np.zeros((0, 3)), np.zeros(0, dtype=int), "field")


def test_rendered_leaves_are_one_data_set():
    assert data_sets_of(["a/test/x.jpg", "leafsim:v1/1/2"]).tolist() == ["a", "leafsim-v1-1"]
