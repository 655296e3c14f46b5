"""Views of the Evaluation page, each with at most one gallery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.evaluation import words
from app.evaluation.shortcuts import shortcuts
from app.figures.confusion import confusion_matrix, scale_html
from app.figures.reliability import reliability_diagram
from app.figures.shares import shares
from app.gallery import Tile, marking_gallery
from app.words import between, counted, rate
from hvit.csv_tables import to_csv
from hvit.data.classes import crop_of, crop_title, crops
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.confusion_order import most_frequent, order_by_crop, order_by_similarity
from hvit.scoring.error_kinds import KINDS, kinds_of_error, most_confident_errors, worth_a_second_look
from hvit.scoring.metrics import wilson
from hvit.scoring.recorded_scores import SplitScores
from hvit.words import class_title

ANY = "any"
MOST_LISTED = 10
NO_MODEBAR = {"displayModeBar": False}
ORDERS = {"crop": "by crop", "similarity": "by similarity"}
NUMBERS = {"counts": "pictures", "rates": "% of the class"}


def confusions(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
    """Confusion matrix, or on a phone the most frequent confusions; with the photos of a selected cell."""
    has_crops = bool(crops(answers.classes))
    places = [st.container(key=key) for key in ("matrix_place", "confusion_list", "cell_photos")]
    with places[2]:  # before the matrix, which frames what is chosen here
        true, called = _choose_cell(answers)
    with places[0]:
        with st.container(horizontal=True, key="matrix_tools"):
            order = widgets.choice("Order", ORDERS, state.ORDER) if has_crops else "similarity"
            numbers = widgets.choice("Numbers", NUMBERS, state.NUMBERS)
        _matrix(answers, scores, order, numbers == "rates", (true, called))
    with places[1]:
        st.subheader("Most often confused")
        cells = most_frequent(scores.confusion, MOST_LISTED)
        if not cells:
            widgets.sentence("Nothing: every prediction is correct.", "below")
        for cell in cells:
            pair = answers.classes[cell.true], answers.classes[cell.named]
            line = words.confusion_line(*pair, cell.count, cell.n)
            key = f"cell_{cell.true}_{cell.named}"
            st.button(line, key=key, type="tertiary", on_click=state.show_cell, args=pair)
    with places[2]:
        _pictures_of_cell(answers, true, called)


def _matrix(
    answers: Predictions, scores: SplitScores, order: str, rates: bool, chosen: tuple[str | None, str | None]
) -> None:
    numbers = order_by_crop(answers.classes) if order == "crop" else order_by_similarity(scores.confusion)
    # A class without photos that nothing was taken for would only be an empty row and column.
    numbers = [k for k in numbers if scores.confusion[k].any() or scores.confusion[:, k].any()]
    names = [answers.classes[k] for k in numbers]
    colors = theme.palette(st.context.theme.type)
    figure = confusion_matrix(
        names,
        [class_title(name) for name in names],
        scores.confusion[np.ix_(numbers, numbers)],
        rates,
        None if None in chosen else chosen,
        colors,
    )
    st.plotly_chart(
        figure,
        key=state.MATRIX,
        on_select=state.take_clicked_cell,
        selection_mode="points",
        config=NO_MODEBAR,
        alt=f"Confusion matrix of {len(names)} classes; the list beside it names the most frequent confusions",
    )
    st.html(scale_html(colors))
    widgets.sentence(
        f"Share of the true class in %, green correct, red wrong. Rows are true classes, n = {scores.n:,}. A click on "
        "a cell shows its pictures.",
        "standing",
    )


def _choose_cell(answers: Predictions) -> tuple[str | None, str | None]:
    """Selects true and predicted class; None for any."""
    options = [ANY, *sorted(answers.classes, key=class_title)]
    for key in (state.TRUE_CLASS, state.CALLED):
        state.keep_among(key, options)
    st.subheader("Pictures")
    left, right = st.columns(2)
    true, called = (
        column.selectbox(label, options, key=key, format_func=_class_or_any, bind="query-params")
        for column, label, key in ((left, "True class", state.TRUE_CLASS), (right, "Predicted class", state.CALLED))
    )
    return None if true == ANY else true, None if called == ANY else called


def _pictures_of_cell(answers: Predictions, true: str | None, called: str | None) -> None:
    is_true = np.ones(len(answers), dtype=bool) if true is None else answers.labels == answers.classes.index(true)
    is_called = True if called is None else answers.predicted == answers.classes.index(called)
    rows = np.flatnonzero(is_true & is_called)
    widgets.sentence(words.cell_sentence(true, called, len(rows), int(is_true.sum())), "below")
    if true is not None or called is not None:
        # Errors first, the surest on top: among all photos of a class they are what one looks for.
        order = np.lexsort((-answers.confidence[rows], answers.correct[rows]))
        photos(answers, rows[order], "cell")


def _class_or_any(name: str) -> str:
    return "any class" if name == ANY else class_title(name)


def kinds(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
    """Errors by kind: a wrong crop is not the same error as a wrong disease."""
    numbers = kinds_of_error(answers.classes, answers.labels, answers.predicted)
    shown = words.kinds_shown(answers.classes)
    counts = {kind: int((numbers == KINDS.index(kind)).sum()) for kind in KINDS}
    n, colors = len(answers), theme.palette(st.context.theme.type)
    intervals = [wilson(counts[kind], n) for kind in shown]
    figure = shares(
        [words.kind_title(kind, answers.classes) for kind in shown],
        [counts[kind] / n for kind in shown],
        intervals,
        [f"{counts[kind]:,} pictures, {rate(counts[kind] / n)} ({between(i)})" for kind, i in zip(shown, intervals)],
        f"share of all {n:,} pictures, with 95 % interval (Wilson)",
        [colors.error] * len(shown),
        from_zero=True,
        colors=colors,
    )
    told = "; ".join(f"{words.kind_title(kind, answers.classes)}: {counts[kind]} of {n}" for kind in shown)
    st.plotly_chart(figure, key="kinds_of_error", config=NO_MODEBAR, alt=told)
    if len(crops(answers.classes)) > 1:
        _by_crop(answers, numbers, shown)
    kind = widgets.choice("Pictures of", {kind: words.kind_title(kind, answers.classes) for kind in shown}, state.KIND)
    rows = np.flatnonzero(numbers == KINDS.index(kind))
    if len(rows):
        photos(answers, rows[np.argsort(-answers.confidence[rows], kind="stable")], f"kind_{kind}")
    else:
        widgets.sentence("No picture: this error was not made.", "below")


def _by_crop(answers: Predictions, numbers: np.ndarray, shown: Sequence[str]) -> None:
    crop_of_photo = np.array([crop_of(name) for name in answers.classes])[answers.labels]
    rows = []
    for crop in crops(answers.classes):
        own = numbers[crop_of_photo == crop]
        counts = {words.KINDS[kind].split(":")[0]: int((own == KINDS.index(kind)).sum()) for kind in ("right", *shown)}
        rows.append({"Crop": crop_title(crop), "Pictures": len(own), **counts})
    with st.expander("Crop by crop"):
        widgets.table(rows, "errors_by_crop")


def classes(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
    """Precision, recall and F1 of each class, with the photos of a selected row."""
    titles = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
    rows = []
    for score in scores.per_class:
        row = {"Class": class_title(score.name), "Pictures": score.n, "Predicted": score.named}
        for key, title in titles.items():
            value, interval = getattr(score, key), getattr(score, f"{key}_ci")
            row[f"{title}, %"] = None if value is None else 100 * value
            row[f"{title}: 95 %"] = "" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}"
        rows.append(row)
    widgets.sentence(
        "Recall: share of the pictures of the class that are predicted so. Precision: share of the pictures predicted "
        "as the class that are of it. "
        "Intervals: Wilson for both, bootstrap over pictures for F1, which knows no error where none was made. A class "
        "with few pictures tells little. Choose a row to see its errors.",
        "standing",
    )
    exported = [
        {
            "class": s.name,
            "n": s.n,
            "called_so": s.named,
            **{
                name: value
                for key in titles
                for name, value in zip(
                    (key, f"{key}_low", f"{key}_high"), (getattr(s, key), *(getattr(s, f"{key}_ci") or (None, None)))
                )
            },
        }
        for s in scores.per_class
    ]
    chosen = widgets.table(rows, "classes", exported, can_choose=True)
    if chosen is not None:
        score = scores.per_class[chosen]
        own = answers.labels == answers.classes.index(score.name)
        wrong = np.flatnonzero(own & ~answers.correct)
        st.subheader(class_title(score.name))
        widgets.sentence(f"{len(wrong)} of {counted(score.n, 'picture')} were classified wrongly.", "below")
        if len(wrong):
            photos(answers, wrong[np.argsort(-answers.confidence[wrong], kind="stable")], f"class_{chosen}")


def sure(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
    """Errors by decreasing confidence."""
    rows = most_confident_errors(answers.labels, answers.probs)
    if not len(rows):
        widgets.sentence("There is no error.", "below")
        return
    widgets.sentence(
        f"{counted(len(rows), 'error')} of {counted(len(answers), 'picture')}, by descending confidence.", "below"
    )
    photos(answers, rows, "sure")


def second_look(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
    """Possible label errors."""
    if answers.split == "train":
        widgets.notice("This needs photos the model did not learn from; choose test, validation or cross-validation.")
        return
    rows, claimed = worth_a_second_look(answers.labels, answers.probs)
    for text in words.second_look(len(rows), len(answers), record.learned_from):
        widgets.sentence(text, "below")
    if len(rows):
        photos(answers, rows, "second_look", claimed)
    with st.expander("How are these found?"):
        st.write(
            "By confident learning (Northcutt, Jiang and Chuang 2021). Each class has its own threshold: the mean "
            "probability the model gives it over the pictures labelled so. A picture is listed where another class "
            "reaches its threshold and is the likeliest that does. The list begins where the label is left furthest "
            "behind."
        )


def probabilities(record: RunSnapshot, answers: Predictions, scores: SplitScores) -> None:
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
    kind = "calibrated " if answers.calibrated else "uncalibrated "
    widgets.sentence(
        f"On the dotted line, {kind}probabilities equal accuracy; below it the model is overconfident. "
        f"Calibration error (ECE, {len(bins)} bins of equal mass): {rate(scores.ece)}. Negative "
        f"log-likelihood {scores.nll:.2f} nats.",
        "standing",
    )


def photos(answers: Predictions, rows: np.ndarray, key: str, claimed: np.ndarray | None = None) -> None:
    """Gallery and table of some photos.

    Args:
        claimed: the class to tell of each of them; None for the one it was called.
    """
    if claimed is None:
        lines = [words.tile_line(*_called(answers, row)) for row in rows]
    else:
        lines = [words.claim_line(answers.classes[k], float(answers.probs[row, k])) for row, k in zip(rows, claimed)]
    marking_gallery([_tile(answers, row, line) for row, line in zip(rows, lines)], key, answers.run, answers.classes)
    st.download_button(
        f"CSV of {counted(len(rows), 'picture')}",
        lambda: to_csv([_csv_row(answers, row) for row in rows]),
        f"{answers.run}-{answers.split}-{key}.csv",
        "text/csv",
        on_click="ignore",
        key=f"{key}_csv",
    )


def _tile(answers: Predictions, row: int, line: str) -> Tile:
    label, predicted = (answers.classes[numbers[row]] for numbers in (answers.labels, answers.predicted))
    return Tile(
        answers.paths[row], answers.sha256[row], class_title(label), line, label=label, predicted=predicted,
        probability=float(answers.confidence[row]),
    )  # fmt: skip


def _called(answers: Predictions, row: int) -> tuple[str, float, bool]:
    return answers.classes[answers.predicted[row]], float(answers.confidence[row]), bool(answers.correct[row])


def _csv_row(answers: Predictions, row: int) -> dict:
    true, called = answers.labels[row], answers.predicted[row]
    return {
        "path": answers.paths[row],
        "sha256": answers.sha256[row],
        "true": answers.classes[true],
        "called": answers.classes[called],
        "probability": float(answers.probs[row, called]),
        "probability_of_true": float(answers.probs[row, true]),
    }


VIEWS = {
    "confusions": confusions,
    "kinds": kinds,
    "classes": classes,
    "sure": sure,
    "second_look": second_look,
    "probabilities": probabilities,
    "shortcuts": shortcuts,
}
