"""Recorded answers of runs and what they are worth, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.cache.records import Record, stamp
from hvit.files import CARD
from hvit.runs import TEST_EVALUATIONS, Run
from hvit.runs.predictions import Answers, read_answers
from hvit.scoring import metrics
from hvit.scoring.intervals import Interval, class_f1_intervals, f1_draws, macro_f1_interval

REMEMBERED = 128


@dataclass(frozen=True)
class ClassScore:
    """One class; None where a share is of nothing.

    Attributes:
        n: photos of the class.
        named: photos called so.
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
class Scores:
    """What the answers of a run on a split are worth; intervals are of 95 %.

    Attributes:
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
    reliability: list[dict]


def answers_of(record: Record, split: str) -> Answers | None:
    """The recorded predictions of a run on a split, only to be read; None where there are none.

    Raises:
        RunError: they are damaged or do not fit the run.
    """
    return _answers(str(record.path), split, _stamps(record, split))


def scores_of(record: Record, split: str) -> Scores | None:
    """Scores of the recorded predictions; None where there are none.

    Raises:
        RunError: see `answers_of`.
    """
    answers = answers_of(record, split)
    return None if answers is None else _scores(str(record.path), split, _stamps(record, split), answers)


def test_evaluations(record: Record) -> list[dict]:
    """One row for every time the run was scored on test.

    Raises:
        RunError: the file is damaged.
    """
    return _evaluations(str(record.path), stamp(record.path, TEST_EVALUATIONS))


def _stamps(record: Record, split: str) -> tuple:
    return stamp(record.path, f"eval/{split}/predictions.parquet"), stamp(record.path, CARD)


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _answers(path: str, split: str, stamps: tuple) -> Answers | None:
    return read_answers(Run(Path(path)), split)


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _evaluations(path: str, stamp: tuple) -> list[dict]:
    return Run(Path(path)).test_evaluations()


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _scores(path: str, split: str, stamps: tuple, _answers: Answers) -> Scores:
    labels, predicted, K = _answers.labels, _answers.predicted, len(_answers.classes)
    confusion = metrics.confusion_matrix(labels, predicted, K)
    draws = f1_draws(labels, predicted[None], K)
    right = int(_answers.right.sum())
    return Scores(
        n=len(labels),
        top1=right / len(labels),
        top1_ci=metrics.wilson(right, len(labels)),
        macro_f1=metrics.macro_f1(labels, predicted, K),
        macro_f1_ci=macro_f1_interval(draws),
        balanced_accuracy=metrics.balanced_accuracy(labels, predicted, K),
        nll=metrics.nll(_answers.probs, labels),
        ece=metrics.ece(_answers.probs, labels),
        per_class=_per_class(_answers.classes, confusion, class_f1_intervals(draws)),
        confusion=confusion,
        reliability=metrics.reliability(_answers.probs, labels),
    )


def _per_class(classes: tuple[str, ...], confusion: np.ndarray, f1: list[Interval | None]) -> tuple[ClassScore, ...]:
    scores = []
    for k, (name, row) in enumerate(zip(classes, metrics.per_class(confusion))):
        right, named = int(confusion[k, k]), int(confusion[:, k].sum())
        precision_ci = metrics.wilson(right, named) if named else None
        recall_ci = metrics.wilson(right, row["n"]) if row["n"] else None
        shares = row["precision"], precision_ci, row["recall"], recall_ci, row["f1"], f1[k]
        scores.append(ClassScore(name, row["n"], named, *shares))
    return tuple(scores)
