"""Scores of predictions: numpy in, numbers out."""

import math
from typing import Any

import numpy as np

NUM_BINS = 15
Z_95 = 1.959963984540054


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Confusion matrix, (K, K): rows are true classes, columns predicted ones.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(labels * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson(successes: int, total: int) -> tuple[float, float]:
    """95 % confidence interval of a proportion (Wilson 1927).

    >>> low, high = wilson(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)

    Raises:
        ValueError: `total` is 0.
    """
    if total == 0:
        raise ValueError("no interval for a share of nothing")
    share, z2 = successes / total, Z_95**2
    center = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(0.0, center - half), min(1.0, center + half)


def per_class(confusion: np.ndarray) -> list[dict[str, Any]]:
    """Count of true photos, precision, recall and F1 of each class; None where it is undefined."""
    rows = []
    for k in range(len(confusion)):
        right, true, named = int(confusion[k, k]), int(confusion[k].sum()), int(confusion[:, k].sum())
        rows.append(
            {
                "n": true,
                "precision": right / named if named else None,
                "recall": right / true if true else None,
                "f1": 2 * right / (true + named) if true else None,
            }
        )
    return rows


def macro_f1(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> float:
    """Mean F1 of the classes with at least one true photo."""
    confusion = confusion_matrix(labels, predicted, num_classes)
    n = confusion.sum(1)
    f1 = (
        2 * np.diag(confusion) / np.maximum(n + confusion.sum(0), 1)
    )  # vectorized, as a bootstrap calls it thousands of times
    return float(f1[n > 0].mean())


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> float:
    """Mean recall of the classes with at least one true photo."""
    rows = per_class(confusion_matrix(labels, predicted, num_classes))
    return float(np.mean([row["recall"] for row in rows if row["n"]]))


def top_k(probs: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Top-k accuracy: share of photos whose class is among the `k` most likely.

    >>> top_k(np.array([[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]]), np.array([0, 2]), k=1)
    0.5
    """
    k = min(k, probs.shape[1])
    best = np.argpartition(-probs, k - 1, axis=1)[:, :k]
    return float((best == labels[:, None]).any(1).mean())


def nll(probs: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood in nats; probabilities below 1e-12 count as that."""
    return float(-np.log(np.maximum(probs[np.arange(len(labels)), labels], 1e-12)).mean())


def brier(probs: np.ndarray, labels: np.ndarray) -> float:
    """Brier score summed over classes, in [0, 2]."""
    errors = probs.copy()
    errors[np.arange(len(labels)), labels] -= 1
    return float((errors**2).sum(1).mean())


def reliability(probs: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS) -> list[dict[str, Any]]:
    """Bins of equal mass over the confidence of the most likely class: n, mean confidence, accuracy, from lowest."""
    confidence = probs.max(1)
    right = probs.argmax(1) == labels
    order = np.argsort(confidence, kind="stable")
    return [
        {"n": len(part), "confidence": float(confidence[part].mean()), "accuracy": float(right[part].mean())}
        for part in np.array_split(order, num_bins)
        if len(part)
    ]


def ece(probs: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS) -> float:
    """Expected calibration error over bins of equal mass (Nguyen & O'Connor 2015)."""
    rows = reliability(probs, labels, num_bins)
    return sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(labels)
