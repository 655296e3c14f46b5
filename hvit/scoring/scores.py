"""Scores of `evaluate --json`: of all photos, of each data set, and of unknown classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hvit.calibration import softmax
from hvit.data.classes import is_healthy
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring import metrics
from hvit.scoring.model_outputs import ModelOutputs
from hvit.verdicts import Verdicts, verdicts


def score(
    checkpoint: Checkpoint, predictions: ModelOutputs, labels: np.ndarray, sources: Sequence[str] | None = None
) -> dict[str, Any]:
    """The document of `evaluate --json`; figures are None without photos or without the needed calibration.

    Args:
        labels: class indices, (N,).
        sources: name of the data set of each photo, (N,); adds `by_data`, the same figures for each.
    """
    probs = softmax(predictions.logits, checkpoint.temperature)
    found = verdicts(checkpoint, probs, predictions.stage_features, predictions.photo_logits)
    document = figures(checkpoint, probs, labels, found)
    if sources is None:
        return document
    source_of = np.array(sources, dtype=str)
    parts = {}
    for name in np.unique(source_of):
        rows = source_of == name
        part = figures(checkpoint, probs[rows], labels[rows], found.only(rows))
        parts[str(name)] = {key: value for key, value in part.items() if key not in ("confusion", "classes")}
    return document | {"by_data": parts}


def figures(checkpoint: Checkpoint, probs: np.ndarray, labels: np.ndarray, found: Verdicts) -> dict[str, Any]:
    """Scores from calibrated probabilities (N, K), class indices (N,) and verdicts."""
    predicted, K = probs.argmax(1), probs.shape[1]
    confusion = metrics.confusion_matrix(labels, predicted, K)
    right, n = predicted == labels, len(labels)
    num_right = int(right.sum())
    has_sets, has_rejection = n > 0 and checkpoint.conformal is not None, n > 0 and checkpoint.ood is not None
    named = found.named
    return {
        "n": n,
        "top1": num_right / n if n else None,
        "top1_ci": list(metrics.wilson(num_right, n)) if n else None,
        "top5": metrics.top_k(probs, labels, 5) if n else None,
        "macro_f1": metrics.macro_f1(labels, predicted, K) if n else None,
        "balanced_accuracy": metrics.balanced_accuracy(labels, predicted, K) if n else None,
        "nll": metrics.nll(probs, labels) if n else None,
        "ece": metrics.ece(probs, labels) if n else None,
        "brier": metrics.brier(probs, labels) if n else None,
        "coverage": float(found.sets[np.arange(n), labels].mean()) if has_sets else None,
        "mean_set_size": float(found.sets.sum(1).mean()) if has_sets else None,
        "accepted": float(found.accepted.mean()) if has_rejection else None,
        "named": float(named.mean()) if has_sets else None,
        "named_correct": float(right[named].mean()) if has_sets and named.any() else None,
        "per_class": dict(zip(checkpoint.classes, metrics.per_class(confusion))),
        "confusion": confusion.tolist(),
        "classes": list(checkpoint.classes),
    }


def count_unknown(
    checkpoint: Checkpoint, predictions: ModelOutputs, labels: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Verdicts on photos of unknown classes: {class: {n, named, unsure, unfamiliar, told_healthy}}.

    `told_healthy` counts those named that were given a healthy class: a disease that was overlooked.
    """
    probs = softmax(predictions.logits, checkpoint.temperature)
    found = verdicts(checkpoint, probs, predictions.stage_features, predictions.photo_logits)
    healthy = np.array([is_healthy(name) for name in checkpoint.classes])[probs.argmax(1)]
    label_of, counts = np.array(labels, dtype=str), {}
    for name in np.unique(label_of):
        rows = label_of == name
        counts[str(name)] = {
            "n": int(rows.sum()),
            "named": int(found.named[rows].sum()),
            "unsure": int(found.unsure[rows].sum()),
            "unfamiliar": int((~found.accepted)[rows].sum()),
            "told_healthy": int((found.named & healthy)[rows].sum()),
        }
    return counts
