"""Scores computed from recorded predictions of a run, and recorded scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.layout import SCORES, in_split
from hvit.runs.predictions import Predictions, read_predictions
from hvit.scoring import metrics
from hvit.scoring.intervals import Interval, class_f1_intervals, f1_resamples, macro_f1_interval


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class with 95 % intervals; None where the denominator is 0.

    Attributes:
        n: photos of the class (support).
        named: photos predicted as the class.
    """

    name: str
    n: int
    named: int
    precision: float | None
    precision_ci: Interval | None
    recall: float | None
    recall_ci: Interval | None
    f1: float | None
    f1_ci: Interval | None


@dataclass(frozen=True)
class SplitScores:
    """Scores of one run on one split; intervals are of 95 %.

    Attributes:
        n: photos.
        reliability: bins of equal mass, see `hvit.scoring.metrics.reliability`.
        confusion: (K, K), rows are true classes.
    """

    n: int
    top1: float
    top1_ci: Interval
    macro_f1: float
    macro_f1_ci: Interval
    balanced_accuracy: float
    nll: float
    ece: float
    per_class: tuple[ClassScore, ...]
    confusion: np.ndarray
    reliability: list[dict[str, Any]]


@dataclass(frozen=True)
class RecordedEvaluation:
    """Recorded scores of a run.

    Attributes:
        split: that was evaluated.
        document: of `hvit evaluate --json`.
        macro_f1_ci: bootstrap over photos; None where the predictions are not in this copy.
        times_evaluated: how often test was evaluated; None where the run does not say.
    """

    split: str
    document: dict[str, Any]
    macro_f1_ci: Interval | None
    times_evaluated: int | None


def score_predictions(predictions: Predictions) -> SplitScores:
    """Top-1 accuracy, macro-F1, calibration and per-class scores of recorded predictions."""
    labels, predicted, K = predictions.labels, predictions.predicted, len(predictions.classes)
    confusion = metrics.confusion_matrix(labels, predicted, K)
    draws = f1_resamples(labels, predicted[None], K)
    correct = int(predictions.correct.sum())
    return SplitScores(
        n=len(labels),
        top1=correct / len(labels),
        top1_ci=metrics.wilson(correct, len(labels)),
        macro_f1=metrics.macro_f1(labels, predicted, K),
        macro_f1_ci=macro_f1_interval(draws),
        balanced_accuracy=metrics.balanced_accuracy(labels, predicted, K),
        nll=metrics.nll(predictions.probs, labels),
        ece=metrics.ece(predictions.probs, labels),
        per_class=_per_class(predictions.classes, confusion, class_f1_intervals(draws)),
        confusion=confusion,
        reliability=metrics.reliability(predictions.probs, labels),
    )


def _per_class(classes: tuple[str, ...], confusion: np.ndarray, f1: list[Interval | None]) -> tuple[ClassScore, ...]:
    scores = []
    for k, (name, row) in enumerate(zip(classes, metrics.per_class(confusion))):
        correct, named = int(confusion[k, k]), int(confusion[:, k].sum())
        precision_ci = metrics.wilson(correct, named) if named else None
        recall_ci = metrics.wilson(correct, row["n"]) if row["n"] else None
        shares = row["precision"], precision_ci, row["recall"], recall_ci, row["f1"], f1[k]
        scores.append(ClassScore(name, row["n"], named, *shares))
    return tuple(scores)


def read_recorded_evaluation(run: Run, split: str) -> RecordedEvaluation:
    """Reads the recorded scores of a run on a split, and the interval of macro-F1 from its predictions.

    Raises:
        RunError: the scores are missing or damaged.
    """
    document = run.evaluation(split)
    if not isinstance(document, dict) or not {"n", "top1", "macro_f1"} <= set(document):
        raise RunError(f"{in_split(split, SCORES)} of run {run.name} is damaged; copy the run again")
    predictions, interval = read_predictions(run, split), None
    if predictions is not None:
        draws = f1_resamples(predictions.labels, predictions.predicted[None], len(predictions.classes))
        interval = macro_f1_interval(draws)
    return RecordedEvaluation(split, document, interval, len(run.test_evaluations()) or None)
