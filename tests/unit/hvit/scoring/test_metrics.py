"""Scores of random predictions against scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as scipy_softmax
from scipy.stats import binomtest
from sklearn import metrics as reference

from hvit import calibration
from hvit.scoring import metrics
from hvit.scoring.segmentation import count_pixels, pooled_iou

seeds, K = st.integers(0, 2**32 - 1), 4
sizes = st.integers(1, 60)


def drawn(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (n, K), labels and most likely classes; classes may be absent."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(K), n)
    return probs, rng.integers(0, rng.integers(1, K + 1), n), probs.argmax(1)


@given(seeds, sizes)
def test_the_confusion_matrix_equals_that_of_scikit_learn(seed, n):
    _, labels, predicted = drawn(seed, n)
    expected = reference.confusion_matrix(labels, predicted, labels=range(K))
    assert np.array_equal(metrics.confusion_matrix(labels, predicted, K), expected)


@given(seeds, sizes)
def test_precision_recall_and_f1_equal_those_of_scikit_learn(seed, n):
    _, labels, predicted = drawn(seed, n)
    rows = metrics.per_class(metrics.confusion_matrix(labels, predicted, K))
    expected = reference.precision_recall_fscore_support(labels, predicted, labels=range(K), zero_division=np.nan)
    for row, precision, recall, f1, support in zip(rows, *expected):
        assert row["n"] == support
        for name, value in (("precision", precision), ("recall", recall), ("f1", f1 if support else np.nan)):
            assert row[name] is None if np.isnan(value) else row[name] == pytest.approx(value)


@given(seeds, sizes)
def test_macro_f1_and_balanced_accuracy_are_means_over_the_classes_that_are_there(seed, n):
    _, labels, predicted = drawn(seed, n)
    there = np.unique(labels)
    expected = reference.f1_score(labels, predicted, labels=there, average="macro", zero_division=0)
    assert metrics.macro_f1(labels, predicted, K) == pytest.approx(expected)
    recall = reference.recall_score(labels, predicted, labels=there, average="macro", zero_division=0)
    assert metrics.balanced_accuracy(labels, predicted, K) == pytest.approx(recall)


@given(seeds, sizes, st.integers(1, K - 1))
def test_top_k_equals_that_of_scikit_learn(seed, n, k):
    probs, labels, _ = drawn(seed, n)
    expected = reference.top_k_accuracy_score(labels, probs, k=k, labels=range(K))
    assert metrics.top_k(probs, labels, k) == pytest.approx(expected)


@given(seeds, sizes)
def test_nll_and_brier_equal_those_of_scikit_learn(seed, n):
    probs, labels, _ = drawn(seed, n)
    assert metrics.nll(probs, labels) == pytest.approx(reference.log_loss(labels, probs, labels=range(K)))
    squared = K * reference.mean_squared_error(np.eye(K)[labels], probs)
    assert metrics.brier(probs, labels) == pytest.approx(squared)


@given(st.integers(1, 500), st.data())
def test_the_interval_of_a_share_equals_that_of_scipy(n, data):
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert metrics.wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(seeds, sizes, st.floats(0.2, 5))
def test_probabilities_equal_those_of_scipy(seed, n, temperature):
    logits = np.random.default_rng(seed).normal(0, 5, (n, K))
    np.testing.assert_allclose(calibration.softmax(logits, temperature), scipy_softmax(logits / temperature, axis=1))


@given(seeds)
@settings(max_examples=30)
def test_intersection_over_union_equals_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    counts, truth, answer = [], [], []
    for _ in range(3):
        predicted, true = rng.dirichlet(np.ones(3), (6, 5)), np.eye(3)[rng.integers(0, 3, (6, 5))]
        counts.append(count_pixels(predicted, true))
        truth.append(true[:, :, 2] > 0)
        on_leaf = predicted[:, :, 1] + predicted[:, :, 2]
        answer.append((on_leaf >= 0.5) & (predicted[:, :, 2] >= 0.5 * on_leaf))
    expected = reference.jaccard_score(np.ravel(truth), np.ravel(answer))
    assert pooled_iou(np.array(counts)[:, 3:]) == pytest.approx(expected)
