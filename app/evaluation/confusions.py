"""The Confusions view of the Evaluation page: confusion matrix, most frequent confusions, photos of a cell."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.evaluation import words
from app.evaluation.sample_gallery import sample_gallery
from app.figures.confusion import confusion_matrix, scale_html
from app.theme import NO_MODEBAR
from hvit.data.classes import crops
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.confusion_order import most_frequent, order_by_crop, order_by_similarity
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
        true, predicted = _choose_cell(predictions)
    with places[0]:
        with st.container(horizontal=True, key="matrix_tools"):
            order = widgets.choice("Order", ORDERS, state.ORDER) if has_crops else "similarity"
            numbers = widgets.choice("Numbers", NUMBERS, state.NUMBERS)
        _matrix(predictions, scores, order, numbers == "rates", (true, predicted))
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
        _pictures_of_cell(predictions, true, predicted)


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
    true, predicted = (
        column.selectbox(label, options, key=key, format_func=_class_or_any, bind="query-params")
        for column, label, key in ((left, "True class", state.TRUE_CLASS), (right, "Predicted class", state.CALLED))
    )
    return None if true == ANY else true, None if predicted == ANY else predicted


def _pictures_of_cell(predictions: Predictions, true: str | None, predicted: str | None) -> None:
    is_true = (
        np.ones(len(predictions), dtype=bool) if true is None else predictions.labels == predictions.classes.index(true)
    )
    is_predicted = True if predicted is None else predictions.predicted == predictions.classes.index(predicted)
    rows = np.flatnonzero(is_true & is_predicted)
    widgets.sentence(words.cell_sentence(true, predicted, len(rows), int(is_true.sum())), "below")
    if true is not None or predicted is not None:
        # Errors first, by decreasing confidence.
        order = np.lexsort((-predictions.confidence[rows], predictions.correct[rows]))
        sample_gallery(predictions, rows[order], "cell")


def _class_or_any(name: str) -> str:
    return "any class" if name == ANY else class_title(name)
