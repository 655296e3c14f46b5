"""Table of a batch: filters, sorting, selection, assignment of crops, and export."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app import state
from app.batch import detail, export, words
from app.batch.selection import ANY, ORDERS, REVIEWED, Filter, rows_shown
from app.cache import batches
from app.cache.reviews import reviews_of
from app.reviewing import words as review_words
from app.widgets import errors_noted, notice, sentence
from app.words import counted
from hvit.batches import Batch
from hvit.batches.choices import choose_crop
from hvit.batches.results import UNREADABLE, Results
from hvit.batches.reviews import Review, standing_reviews
from hvit.batches.set_levels import LEVELS
from hvit.data.classes import crop_title, crops
from hvit.verdicts import UNFAMILIAR
from hvit.words import class_title

ROWS_A_PAGE = 100
ROW_PX = 52
OPTIONAL = ("Area", "Review", "Flags", "Note")  # columns left out while they are empty


def show(batch: Batch) -> None:
    """Filters, the table, actions on the selection, and the opened photo."""
    results, reviews = batches.results_of(batch), standing_reviews(reviews_of(batch))
    for text in batches.scores_of(batch).damaged:
        notice(f"{text}.")
    sentence(f"{words.summary(results)[:1].upper()}{words.summary(results)[1:]}.", "below")
    filter_ = _filters(results)
    rows = rows_shown(results, reviews, filter_)
    left, right = st.columns([2, 1], gap="large")
    with left:
        selected, shown = _table(batch, results, reviews, rows, filter_)
        _set_crops(batch, results, selected, rows)
        export.downloads(batch, results, reviews, rows)
        _retry_button(batch, results)
    with right, st.container(key="batch_detail"):
        detail.show(batch, results, reviews, shown)
    _set_level(batch)


def _filters(results: Results) -> Filter:
    labels = sorted({results.label(row) for row in range(len(results))} - {None}, key=class_title)
    known_crops = [ANY, *crops(labels)]
    with st.container(horizontal=True, vertical_alignment="bottom", key="batch_filters"):
        name = st.text_input("File", key=state.BATCH_FILE, placeholder="any name or folder")
        kinds = [kind for kind in words.VERDICTS if (results.verdicts == kind).any()]
        state.keep_subset(state.BATCH_VERDICTS, kinds)
        verdicts = st.multiselect(
            "Verdict", kinds, key=state.BATCH_VERDICTS, format_func=words.VERDICTS.get, placeholder="any verdict"
        )
        crop = _choose("Crop", state.BATCH_CROP, known_crops, lambda c: "any crop" if c == ANY else crop_title(c))
        fitting = [ANY, *labels]
        label = _choose(
            "Condition", state.BATCH_LABEL, fitting, lambda c: "any condition" if c == ANY else class_title(c)
        )
        low, high = st.slider("Probability, %", 0, 100, (0, 100), key=state.BATCH_RANGE)
        reviewed = _choose("Reviews", state.BATCH_REVIEWED, list(REVIEWED), REVIEWED.get)
        order = _choose("Sorted", state.BATCH_ORDER, list(ORDERS), ORDERS.get)
    return Filter(name, tuple(verdicts), crop, label, low / 100, high / 100, reviewed, order)


def _choose(label: str, key: str, options: list[str], title: Callable[[str], str]) -> str:
    state.keep_among(key, options)
    return st.selectbox(label, options, key=key, format_func=title)


def _table(
    batch: Batch, results: Results, reviews: dict[str, dict[str, Review]], rows: np.ndarray, filter_: Filter
) -> tuple[list[str], list[str]]:
    """Draws a page of the table; returns the paths selected, and those of all rows of the page."""
    num_pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    digest = hashlib.sha256(repr((batch.name, filter_)).encode()).hexdigest()[:8]
    page = st.pagination(num_pages, key=f"{state.BATCH_PAGE}_{digest}") if num_pages > 1 else 1
    part = rows[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
    key = f"batch_rows_{digest}_{page}"
    order = state.batch_order(key, [results.photos[row].path for row in part])
    number = {photo.path: row for row, photo in enumerate(results.photos)}
    order = [path for path in order if path in number]
    if not order:
        sentence("No photo fits.", "below")
        return [], []
    notes = batches.notes_of(batch)
    frame = pd.DataFrame([_row(batch, results, number[path], reviews, notes) for path in order])
    kept = [name for name in frame if name not in OPTIONAL or frame[name].notna().any() and (frame[name] != "").any()]
    event = st.dataframe(
        frame[kept],
        hide_index=True,
        key=key,
        row_height=ROW_PX,
        height=min(640, 38 + ROW_PX * len(order)),
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="",
        column_config={
            "Photo": st.column_config.ImageColumn("", width=64),
            "File": st.column_config.TextColumn(width=160),
            "Verdict": st.column_config.TextColumn(width=88),
            "Crop": st.column_config.TextColumn(width=76),
            "Condition": st.column_config.TextColumn(width=150),
            "Other candidates": st.column_config.TextColumn(width=210),
            "Probability": st.column_config.NumberColumn("Probability, %", format="%.1f"),
            "Area": st.column_config.NumberColumn("Area, %", format="%.1f"),
        },
    )
    chosen = [order[row] for row in event["selection"]["rows"] if row < len(order)]
    if len(chosen) == 1:
        state.open_photo(chosen[0])
    what = counted(len(rows), "photo") if num_pages == 1 else f"page {page} of {counted(len(rows), 'photo')}"
    sentence(f"{what[:1].upper()}{what[1:]}. Tick a row to open it; tick several to set their crop.", "standing")
    return chosen, order


def _row(
    batch: Batch, results: Results, row: int, reviews: dict[str, dict[str, Review]], notes: dict[str, str]
) -> dict[str, object]:
    path, label, candidates = results.photos[row].path, results.label(row), results.candidates(row)
    if results.verdicts[row] == UNFAMILIAR:  # no condition is claimed of what is unlike the training photos
        label, candidates = None, [("", 0.0), *candidates]
    own, crop = reviews.get(path, {}).values(), results.crops[row]
    probability, area = results.probability[row], results.severity["lesion_fraction"][row]
    return {
        "Photo": batches.thumbnail_uri(batch, path),
        "File": results.photos[row].name,
        "Verdict": words.VERDICTS[str(results.verdicts[row])],
        "Crop": f"{crop_title(crop)}*" if crop is not None else words.crop(label),
        "Condition": words.condition(label) if label else results.errors[row],
        "Probability": None if label is None else 100 * probability,
        "Other candidates": words.others(candidates),
        "Area": None if np.isnan(area) else 100 * area,
        "Review": "; ".join(review_words.decision(review.label, review.verdict) for review in own),
        "Flags": words.flags(results.flags[row]),
        "Note": notes.get(path, ""),
    }


def _set_crops(batch: Batch, results: Results, selected: Sequence[str], rows: np.ndarray) -> None:
    known = crops(results.classes)
    if not known:
        return
    shown = [results.photos[row].path for row in rows]
    with st.container(horizontal=True, vertical_alignment="bottom", key="batch_crops"):
        crop = _choose("Crop is", state.SET_CROP, [ANY, *known], lambda c: "not known" if c == ANY else crop_title(c))
        chosen = None if crop == ANY else crop
        st.button(
            f"Set for {len(selected)} selected",
            disabled=not selected,
            on_click=_store_crop,
            args=(batch, selected, chosen),
        )
        st.button(
            f"Set for all {len(shown):,} shown", disabled=not shown, on_click=_store_crop, args=(batch, shown, chosen)
        )
    sentence("A star marks a chosen crop. Only its conditions are possible then; no photo is scored again.", "standing")


def _store_crop(batch: Batch, paths: Sequence[str], crop: str | None) -> None:
    with errors_noted():
        choose_crop(batch, paths, crop)


def _retry_button(batch: Batch, results: Results) -> None:
    count = int((results.verdicts == UNREADABLE).sum())
    if count and not batches.scoring_of(batch).is_running:
        st.button(
            f"Try {counted(count, 'unreadable photo')} again",
            type="tertiary",
            on_click=_retry_unreadable,
            args=(batch,),
        )


def _retry_unreadable(batch: Batch) -> None:
    with errors_noted():
        batches.start(batch, again=True)


def _set_level(batch: Batch) -> None:
    """Selects the error level of the prediction sets."""
    own = None if batch.rules.conformal is None else batch.rules.conformal.alpha
    if own is None:
        return
    if batches.run_with_weights_of(batch) is None:
        if batch.alpha() is not None:
            sentence(words.LEVEL_LOST.format(run=batch.run, level=words.level(batch.alpha(), None)), "standing")
        return
    options = [None, *(alpha for alpha in LEVELS if alpha != own)]
    with st.expander("How long the lists of candidates are"):
        current = batch.alpha()
        alpha = st.selectbox(
            "Candidates may miss the true condition in at most",
            options,
            index=options.index(current) if current in options else 0,
            format_func=lambda value: words.level(value, own),
            key=f"{state.SET_LEVEL}_{batch.name}",
        )
        if alpha != current:
            batch.choose_alpha(alpha)
            st.rerun()
        sentence(
            "of photos like those the model was tested on. A smaller share makes longer lists and fewer named photos. "
            "Levels other than that of the model use its recorded test photos.",
            "standing",
        )
