"""Kinds of classification errors, and detection of label errors."""

from collections.abc import Sequence

import numpy as np

from hvit.data.classes import crop_of, is_healthy

KINDS = ("right", "wrong_disease", "wrong_crop", "missed_disease", "false_alarm")


def kinds_of_error(classes: Sequence[str], labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Classifies predictions into `KINDS`.

    - right: the class itself;
    - wrong_crop: a class of another crop, whatever the condition;
    - missed_disease: the right crop, diseased, called healthy;
    - false_alarm: the right crop, healthy, called diseased;
    - wrong_disease: the right crop, and another of its diseases.

    Classes without a crop count as of one crop.

    Args:
        classes: names, K of them.
        labels, predicted: class numbers, (N,) each.
    Returns:
        Numbers of `KINDS`, (N,).
    """
    crops = np.unique([crop_of(name) for name in classes], return_inverse=True)[1]
    healthy = np.array([is_healthy(name) for name in classes])
    cases = [
        labels == predicted,
        crops[labels] != crops[predicted],
        ~healthy[labels] & healthy[predicted],
        healthy[labels] & ~healthy[predicted],
    ]
    numbers = [KINDS.index(kind) for kind in ("right", "wrong_crop", "missed_disease", "false_alarm")]
    return np.select(cases, numbers, default=KINDS.index("wrong_disease"))


def most_confident_errors(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Rows of wrong predictions by decreasing confidence."""
    confidence = probs.max(1)
    wrong = np.flatnonzero(probs.argmax(1) != labels)
    return wrong[np.argsort(-confidence[wrong], kind="stable")]


def find_label_issues(labels: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with possible label errors, the likeliest first, by confident learning.

    A class counts as claimed for a photo where its probability reaches the class's own average: the mean probability
    of class j over the photos labelled j. A photo whose most likely claimed class is not its label is off the
    diagonal of the confident joint, and is listed; photos for which no class is claimed are not. They are ranked by
    how far the probability of the label is below that of the claimed class.

    The rule holds only for predictions on photos the model did not learn from.

    Args:
        labels: class numbers as labelled, (N,).
        probs: held-out probabilities, (N, K).
    Returns:
        Row numbers, and the class claimed in each of these rows.
    Source: Northcutt, Jiang & Chuang 2021, Confident learning: estimating uncertainty in dataset labels, JAIR 70:
        thresholds and confident joint of section 3.1, where several classes are claimed the most likely one; what is
        counted off its diagonal is listed, as in section 3.2; arXiv:1911.00068.
    """
    K = probs.shape[1]
    # A class that labels no photo has no average to reach.
    thresholds = np.array([probs[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(K)])
    claimed = np.where(probs >= thresholds, probs, -1.0)
    best = claimed.argmax(1)
    rows = np.flatnonzero((claimed.max(1) >= 0) & (best != labels))
    margin = probs[rows, labels[rows]] - probs[rows, best[rows]]
    order = np.argsort(margin, kind="stable")
    return rows[order], best[rows[order]]
