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
from app.gallery import Tile, gallery
from app.theme import NO_MODEBAR
from app.words import between, counted, rate
from hvit.csv_tables import to_csv
from hvit.data.classes import crop_of, crop_title, crops
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.confusion_order import most_frequent, order_by_crop, order_by_similarity
from hvit.scoring.error_kinds import KINDS, find_label_issues, kinds_of_error, most_confident_errors
from hvit.scoring.metrics import wilson
from hvit.scoring.recorded_scores import SplitScores
from hvit.words import class_title

ANY = "any"
MOST_LISTED = 10
ORDERS = {"crop": "by crop", "similarity": "by similarity"}
NUMBERS = {"counts": "pictures", "rates": "% of the class"}


def confusions(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Confusion matrix, or on a phone the most frequent confusions; with the photos of a selected cell."""
    has_crops = bool(crops(predictions.classes))
    places = [st.container(key=key) for key in ("matrix_place", "confusion_list", "cell_photos")]
    with places[2]:  # before the matrix, which frames the selected cell
        true, called = _choose_cell(predictions)
    with places[0]:
        with st.container(horizontal=True, key="matrix_tools"):
            order = widgets.choice("Order", ORDERS, state.ORDER) if has_crops else "similarity"
            numbers = widgets.choice("Numbers", NUMBERS, state.NUMBERS)
        _matrix(predictions, scores, order, numbers == "rates", (true, called))
    with places[1]:
        st.subheader("Most often confused")
        cells = most_frequent(scores.confusion, MOST_LISTED)
        if not cells:
            widgets.sentence("Nothing: every prediction is correct.", "below")
        for cell in cells:
            pair = predictions.classes[cell.true], predictions.classes[cell.named]
            line = words.confusion_line(*pair, cell.count, cell.n)
            key = f"cell_{cell.true}_{cell.named}"
            st.button(line, key=key, type="tertiary", on_click=state.show_cell, args=pair)
    with places[2]:
        _pictures_of_cell(predictions, true, called)


def _matrix(
    predictions: Predictions, scores: SplitScores, order: str, rates: bool, chosen: tuple[str | None, str | None]
) -> None:
    numbers = order_by_crop(predictions.classes) if order == "crop" else order_by_similarity(scores.confusion)
    # A class without photos that nothing was taken for would only be an empty row and column.
    numbers = [k for k in numbers if scores.confusion[k].any() or scores.confusion[:, k].any()]
    names = [predictions.classes[k] for k in numbers]
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


def _choose_cell(predictions: Predictions) -> tuple[str | None, str | None]:
    """Selects true and predicted class; None for any."""
    options = [ANY, *sorted(predictions.classes, key=class_title)]
    for key in (state.TRUE_CLASS, state.CALLED):
        state.keep_among(key, options)
    st.subheader("Pictures")
    left, right = st.columns(2)
    true, called = (
        column.selectbox(label, options, key=key, format_func=_class_or_any, bind="query-params")
        for column, label, key in ((left, "True class", state.TRUE_CLASS), (right, "Predicted class", state.CALLED))
    )
    return None if true == ANY else true, None if called == ANY else called


def _pictures_of_cell(predictions: Predictions, true: str | None, called: str | None) -> None:
    is_true = (
        np.ones(len(predictions), dtype=bool) if true is None else predictions.labels == predictions.classes.index(true)
    )
    is_called = True if called is None else predictions.predicted == predictions.classes.index(called)
    rows = np.flatnonzero(is_true & is_called)
    widgets.sentence(words.cell_sentence(true, called, len(rows), int(is_true.sum())), "below")
    if true is not None or called is not None:
        # Errors first, by decreasing confidence.
        order = np.lexsort((-predictions.confidence[rows], predictions.correct[rows]))
        photos(predictions, rows[order], "cell")


def _class_or_any(name: str) -> str:
    return "any class" if name == ANY else class_title(name)


def kinds(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
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
        photos(predictions, rows[np.argsort(-predictions.confidence[rows], kind="stable")], f"kind_{kind}")
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
        own = predictions.labels == predictions.classes.index(score.name)
        wrong = np.flatnonzero(own & ~predictions.correct)
        st.subheader(class_title(score.name))
        widgets.sentence(f"{len(wrong)} of {counted(score.n, 'picture')} were classified wrongly.", "below")
        if len(wrong):
            photos(predictions, wrong[np.argsort(-predictions.confidence[wrong], kind="stable")], f"class_{chosen}")


def sure(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Errors by decreasing confidence."""
    rows = most_confident_errors(predictions.labels, predictions.probs)
    if not len(rows):
        widgets.sentence("There is no error.", "below")
        return
    widgets.sentence(
        f"{counted(len(rows), 'error')} of {counted(len(predictions), 'picture')}, by descending confidence.", "below"
    )
    photos(predictions, rows, "sure")


def second_look(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """Possible label errors."""
    if predictions.split == "train":
        widgets.notice("This needs photos the model did not learn from; choose test, validation or cross-validation.")
        return
    rows, claimed = find_label_issues(predictions.labels, predictions.probs)
    for text in words.second_look(len(rows), len(predictions), record.learned_from):
        widgets.sentence(text, "below")
    if len(rows):
        photos(predictions, rows, "second_look", claimed)
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


def photos(predictions: Predictions, rows: np.ndarray, key: str, claimed: np.ndarray | None = None) -> None:
    """Gallery and table of some photos.

    Args:
        claimed: the class to show for each of them; None for the prediction.
    """
    if claimed is None:
        lines = [words.tile_line(*_called(predictions, row)) for row in rows]
    else:
        lines = [
            words.claim_line(predictions.classes[k], float(predictions.probs[row, k])) for row, k in zip(rows, claimed)
        ]
    gallery(
        [_tile(predictions, row, line) for row, line in zip(rows, lines)], key, predictions.run, predictions.classes
    )
    st.download_button(
        f"CSV of {counted(len(rows), 'picture')}",
        lambda: to_csv([_csv_row(predictions, row) for row in rows]),
        f"{predictions.run}-{predictions.split}-{key}.csv",
        "text/csv",
        on_click="ignore",
        key=f"{key}_csv",
    )


def _tile(predictions: Predictions, row: int, line: str) -> Tile:
    label, predicted = (predictions.classes[numbers[row]] for numbers in (predictions.labels, predictions.predicted))
    return Tile(
        predictions.paths[row], predictions.sha256[row], class_title(label), line, label=label, predicted=predicted,
        probability=float(predictions.confidence[row]),
    )  # fmt: skip


def _called(predictions: Predictions, row: int) -> tuple[str, float, bool]:
    return (
        predictions.classes[predictions.predicted[row]],
        float(predictions.confidence[row]),
        bool(predictions.correct[row]),
    )


def _csv_row(predictions: Predictions, row: int) -> dict:
    true, called = predictions.labels[row], predictions.predicted[row]
    return {
        "path": predictions.paths[row],
        "sha256": predictions.sha256[row],
        "true": predictions.classes[true],
        "called": predictions.classes[called],
        "probability": float(predictions.probs[row, called]),
        "probability_of_true": float(predictions.probs[row, true]),
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
