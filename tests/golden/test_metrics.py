"""Scores worked by hand, and against scikit-learn."""

import numpy as np
import pytest

from hvit.scoring import metrics

PROBS = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0]])
LABELS = np.array([0, 1, 1, 1])


def test_confusion_matrix_counts_true_classes_in_rows():
    assert metrics.confusion_matrix(LABELS, PROBS.argmax(1), 3).tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]


def test_per_class_scores_by_hand():
    first, second, third = metrics.per_class(np.array([[1, 0, 0], [1, 2, 0], [0, 0, 0]]))
    assert first == {"n": 1, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert second == {"n": 3, "precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8)}
    assert third == {"n": 0, "precision": None, "recall": None, "f1": None}


def test_macro_scores_average_over_classes_with_true_photos():
    predicted = PROBS.argmax(1)
    assert metrics.macro_f1(LABELS, predicted, 3) == pytest.approx((2 / 3 + 0.8) / 2)
    assert metrics.balanced_accuracy(LABELS, predicted, 3) == pytest.approx((1 + 2 / 3) / 2)


def test_brier_and_nll_by_hand():
    # (0.1^2 + 0.1^2) + (0.6^2 + 0.6^2) + (0.2^2 + 0.2^2) + (0.3^2 + 0.3^2), over 4
    assert metrics.brier(PROBS, LABELS) == pytest.approx((0.02 + 0.72 + 0.08 + 0.18) / 4)
    assert metrics.nll(PROBS, LABELS) == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean())


def test_calibration_error_by_hand():
    # Two bins of two: confidences 0.6 0.7 (one right), and 0.8 0.9 (both right).
    assert metrics.ece(PROBS, LABELS, num_bins=2) == pytest.approx(0.5 * abs(0.65 - 0.5) + 0.5 * abs(0.85 - 1.0))


def test_interval_of_a_share():
    # Newcombe 1998, table I: 81 of 263 has Wilson's interval 0.2553 to 0.3662.
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(0, 20)[0] == 0.0 and metrics.wilson(20, 20)[1] == 1.0


def test_top_k():
    assert metrics.top_k(PROBS, LABELS, 1) == 0.75
    assert metrics.top_k(PROBS, LABELS, 2) == 1.0
    assert metrics.top_k(PROBS, LABELS, 5) == 1.0  # fewer classes than k


def test_scores_equal_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(6), size=500)
    labels = np.array([rng.choice(6, p=p) for p in probs])
    predicted = probs.argmax(1)
    assert metrics.macro_f1(labels, predicted, 6) == pytest.approx(sklearn.f1_score(labels, predicted, average="macro"))
    assert metrics.balanced_accuracy(labels, predicted, 6) == pytest.approx(
        sklearn.balanced_accuracy_score(labels, predicted)
    )
    assert metrics.nll(probs, labels) == pytest.approx(sklearn.log_loss(labels, probs))
    assert metrics.top_k(probs, labels, 3) == pytest.approx(sklearn.top_k_accuracy_score(labels, probs, k=3))
    assert np.array_equal(metrics.confusion_matrix(labels, predicted, 6), sklearn.confusion_matrix(labels, predicted))
