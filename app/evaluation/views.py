"""Views of the Evaluation page, each with at most one gallery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.evaluation import words
from app.evaluation.confusions import confusions
from app.evaluation.sample_gallery import sample_gallery
from app.evaluation.shortcuts import shortcuts
from app.figures.reliability import reliability_diagram
from app.figures.shares import shares
from app.theme import NO_MODEBAR
from app.words import between, counted, rate
from hvit.data.classes import crop_of, crop_title, crops
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.error_kinds import KINDS, find_label_issues, kinds_of_error, most_confident_errors
from hvit.scoring.metrics import wilson
from hvit.scoring.recorded_scores import ClassScore, SplitScores
from hvit.words import class_title

CLASS_SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def error_kinds(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Errors by kind: a wrong crop is not the same error as a wrong disease."""
    numbers = kinds_of_error(predictions.classes, predictions.labels, predictions.predicted)
    shown = words.kinds_shown(predictions.classes)
    counts = {kind: int((numbers == KINDS.index(kind)).sum()) for kind in KINDS}
    n, colors = len(predictions), theme.palette(st.context.theme.type)
    intervals = [wilson(counts[kind], n) for kind in shown]
    figure = shares(
        [words.kind_title(kind, predictions.classes) for kind in shown],
        [counts[kind] / n for kind in shown],
        intervals,
        [f"{counts[kind]:,} pictures, {rate(counts[kind] / n)} ({between(i)})" for kind, i in zip(shown, intervals)],
        f"share of all {n:,} pictures, with 95 % interval (Wilson)",
        [colors.error] * len(shown),
        from_zero=True,
        colors=colors,
    )
    alt = "; ".join(f"{words.kind_title(kind, predictions.classes)}: {counts[kind]} of {n}" for kind in shown)
    st.plotly_chart(figure, key="kinds_of_error", config=NO_MODEBAR, alt=alt)
    if len(crops(predictions.classes)) > 1:
        _by_crop(predictions, numbers, shown)
    kind = widgets.choice(
        "Pictures of", {kind: words.kind_title(kind, predictions.classes) for kind in shown}, state.KIND
    )
    rows = np.flatnonzero(numbers == KINDS.index(kind))
    if len(rows):
        sample_gallery(predictions, rows[np.argsort(-predictions.confidence[rows], kind="stable")], f"kind_{kind}")
    else:
        widgets.sentence("No picture: this error was not made.", "below")


def _by_crop(predictions: Predictions, numbers: np.ndarray, shown: Sequence[str]) -> None:
    crop_of_photo = np.array([crop_of(name) for name in predictions.classes])[predictions.labels]
    rows = []
    for crop in crops(predictions.classes):
        own = numbers[crop_of_photo == crop]
        counts = {words.KINDS[kind].split(":")[0]: int((own == KINDS.index(kind)).sum()) for kind in ("right", *shown)}
        rows.append({"Crop": crop_title(crop), "Pictures": len(own), **counts})
    with st.expander("Crop by crop"):
        widgets.table(rows, "errors_by_crop")


def classes(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Precision, recall and F1 of each class, with the photos of a selected row."""
    widgets.sentence(
        "Recall: share of the pictures of the class that are predicted so. Precision: share of the pictures predicted "
        "as the class that are of it. "
        "Intervals: Wilson for both, bootstrap over pictures for F1, which knows no error where none was made. A class "
        "with few pictures tells little. Choose a row to see its errors.",
        "standing",
    )
    rows = [_class_row(score) for score in scores.per_class]
    exported = [_exported_class(score) for score in scores.per_class]
    chosen = widgets.table(rows, "classes", exported, can_choose=True)
    if chosen is not None:
        score = scores.per_class[chosen]
        own = predictions.labels == predictions.classes.index(score.name)
        wrong = np.flatnonzero(own & ~predictions.correct)
        st.subheader(widgets.plain(class_title(score.name)))
        widgets.sentence(f"{len(wrong)} of {counted(score.n, 'picture')} were classified wrongly.", "below")
        if len(wrong):
            order = np.argsort(-predictions.confidence[wrong], kind="stable")
            sample_gallery(predictions, wrong[order], f"class_{chosen}")


def _class_row(score: ClassScore) -> dict[str, Any]:
    row = {"Class": class_title(score.name), "Pictures": score.n, "Predicted": score.named}
    for key, title in CLASS_SCORES.items():
        value, interval = getattr(score, key), getattr(score, f"{key}_ci")
        row[f"{title}, %"] = None if value is None else 100 * value
        row[f"{title}: 95 %"] = "" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}"
    return row


def _exported_class(score: ClassScore) -> dict[str, Any]:
    row = {"class": score.name, "n": score.n, "called_so": score.named}
    for key in CLASS_SCORES:
        low, high = getattr(score, f"{key}_ci") or (None, None)
        row |= {key: getattr(score, key), f"{key}_low": low, f"{key}_high": high}
    return row


def confident_errors(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Errors by decreasing confidence."""
    rows = most_confident_errors(predictions.labels, predictions.probs)
    if not len(rows):
        widgets.sentence("There is no error.", "below")
        return
    widgets.sentence(
        f"{counted(len(rows), 'error')} of {counted(len(predictions), 'picture')}, by descending confidence.", "below"
    )
    sample_gallery(predictions, rows, "sure")


def label_issues(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Possible label errors."""
    if predictions.split == "train":
        widgets.notice("This needs photos the model did not learn from; choose test, validation or cross-validation.")
        return
    rows, suggested = find_label_issues(predictions.labels, predictions.probs)
    for text in words.label_issues(len(rows), len(predictions), record.learned_from):
        widgets.sentence(text, "below")
    if len(rows):
        sample_gallery(predictions, rows, "second_look", suggested)
    with st.expander("How are these found?"):
        st.write(
            "By confident learning (Northcutt, Jiang and Chuang 2021). Each class has its own threshold: the mean "
            "probability the model gives it over the pictures labelled so. A picture is listed where another class "
            "reaches its threshold and is the likeliest that does. The list begins where the label is left furthest "
            "behind."
        )


def probabilities(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Reliability diagram, ECE and negative log-likelihood."""
    bins = scores.reliability
    figure = reliability_diagram(
        [b["confidence"] for b in bins],
        [b["accuracy"] for b in bins],
        [b["n"] for b in bins],
        theme.palette(st.context.theme.type),
    )
    with st.container(key="reliability"):
        st.plotly_chart(figure, config=NO_MODEBAR, key="reliability_figure", alt="Reliability diagram")
    kind = "calibrated " if predictions.calibrated else "uncalibrated "
    widgets.sentence(
        f"On the dotted line, {kind}probabilities equal accuracy; below it the model is overconfident. "
        f"Calibration error (ECE, {len(bins)} bins of equal mass): {rate(scores.ece)}. Negative "
        f"log-likelihood {scores.nll:.2f} nats.",
        "standing",
    )


VIEWS = {
    "confusions": confusions,
    "kinds": error_kinds,
    "classes": classes,
    "sure": confident_errors,
    "second_look": label_issues,
    "probabilities": probabilities,
    "shortcuts": shortcuts,
}
