"""Reviewing a batch: one photo at a time, the doubtful first, one key for each decision."""

from __future__ import annotations

import html

import streamlit as st

from app import state
from app.batch import detail, words
from app.batch.agreement import agreements
from app.cache import batches
from app.cache.photos import whole_photo
from app.widgets import notice, sentence
from app.words import counted
from hvit.batches import Batch
from hvit.batches.layout import VERDICTS
from hvit.batches.results import Results
from hvit.batches.reviews import (
    LABEL,
    NOT_A_LEAF,
    NOT_SURE,
    RIGHT,
    UNREADABLE,
    Review,
    add_review,
    agreed_labels,
    doubtful_first,
    standing_reviews,
    undo,
)
from hvit.data.photos import InvalidPhotoError
from hvit.words import class_title

MOST_KEYS = 5  # candidates that have a key of their own
WITHOUT_LABEL = ((NOT_A_LEAF, "Not a leaf", "n"), (UNREADABLE, "Unreadable", "x"), (NOT_SURE, "Unsure", "u"))


def show(batch: Batch) -> None:
    """The reviewer's name, one photo with its decisions, the agreement so far, and how to train on the labels."""
    results = batches.results_of(batch)
    with st.container(key="review_name"):
        st.text_input("Reviewer", key=state.REVIEWER, placeholder="your name", bind="query-params")
    if not state.reviewer():
        sentence("Type your name, so that it stands beside your decisions.", "below")
    else:
        st.fragment(_review)(batch, results)
    _agreement(batch, results)
    _training(batch)


def _review(batch: Batch, results: Results) -> None:
    """Only this part runs again after a decision."""
    if note := state.take_note_on_batch():
        notice(note)
    reviewer, standing = state.reviewer(), standing_reviews(batches.reviews_of(batch))
    own = {path for path, by_reviewer in standing.items() if reviewer in by_reviewer}
    queue = _queue(results, own)
    st.html(f'<p class="summary" role="status">{html.escape(words.reviewed(reviewer, len(own), len(results)))}</p>')
    if not queue:
        sentence("Every photo has a decision of yours.", "below")
        _undo_button(batch, reviewer, bool(own))
        return
    row = queue[0]
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="review_photo"):
        detail.photo(batch, results, row)
        st.html(f'<p class="standing">{html.escape(results.photos[row].name)}</p>')
    with right:
        detail.headline(batch, results, row)
        _decisions(batch, results, row, reviewer)
        _undo_button(batch, reviewer, bool(own))
        detail.condition_cards([name for name, _ in results.candidates(row)])
    if len(queue) > 1:
        _get_ready(batch, results, queue[1])


def _queue(results: Results, reviewed: set[str]) -> list[int]:
    """Rows without a decision, the doubtful first; one that was undone or skipped to comes before all others."""
    rows = [int(row) for row in doubtful_first(results) if results.photos[row].path not in reviewed]
    first, skipped = state.photo_to_review(), state.skipped_photos()
    return sorted(rows, key=lambda row: (results.photos[row].path != first, results.photos[row].path in skipped))


def _decisions(batch: Batch, results: Results, row: int, reviewer: str) -> None:
    """Buttons, each with its key: the candidates, another label, and what is no label."""
    path, own = results.photos[row].path, results.label(row)
    area = st.number_input(
        "Discolored area as you see it, % (may stay empty)", 0.0, 100.0, None, 1.0, format="%g", key=f"area_{path}"
    )
    base = {"reviewer": reviewer, "path": path, "sha256": results.sha256[row] or ""}
    base |= {"area": None if area is None else area / 100, "predicted": own or ""}
    base |= {"probability": None if own is None else float(results.probability[row])}
    candidates = [name for name, _ in results.candidates(row)] or ([own] if own else [])
    with st.container(key="review_labels"):
        for number, name in enumerate(candidates[:MOST_KEYS], 1):
            verdict = RIGHT if name == own else LABEL
            title = f"Right: {class_title(name)}" if verdict == RIGHT else class_title(name)
            _button(title, str(number), batch, Review(**base, verdict=verdict, label=name), verdict == RIGHT)
    with st.container(horizontal=True, vertical_alignment="bottom", key="review_other"):
        others = sorted(set(results.classes) - set(candidates[:MOST_KEYS]), key=class_title)
        label = st.selectbox(
            "Another label",
            others,
            index=None,
            format_func=class_title,
            accept_new_options=True,
            placeholder="choose or type",
            key=f"other_{path}",
        )
        _button("Set", "l", batch, Review(**base, verdict=LABEL, label=label or ""), disabled=not label)
    with st.container(horizontal=True, key="review_without"):
        for verdict, title, key in WITHOUT_LABEL:
            _button(title, key, batch, Review(**base, verdict=verdict))
        st.button("Skip", shortcut="s", on_click=state.skip_photo, args=(path,), key=f"skip_{path}")


def _button(title: str, key: str, batch: Batch, review: Review, is_first: bool = False, disabled: bool = False) -> None:
    st.button(
        title,
        key=f"review_{key}_{review.path}",
        type="primary" if is_first else "secondary",
        shortcut=key,
        disabled=disabled,
        on_click=_keep,
        args=(batch, review),
    )


def _keep(batch: Batch, review: Review) -> None:
    try:
        add_review(batch, review)
        state.review_photo(None)
    except ValueError as error:
        state.note_on_batch(str(error))


def _undo_button(batch: Batch, reviewer: str, has_any: bool) -> None:
    st.button(
        "Undo",
        shortcut="z",
        type="tertiary",
        key="review_undo",
        disabled=not has_any,
        on_click=_undo,
        args=(batch, reviewer),
    )


def _undo(batch: Batch, reviewer: str) -> None:
    try:
        last = undo(batch, reviewer)
    except ValueError as error:
        state.note_on_batch(str(error))
        return
    if last is not None:
        state.review_photo(last.path)


def _get_ready(batch: Batch, results: Results, row: int) -> None:
    """Decodes the next photo while the reviewer looks at this one."""
    try:
        whole_photo(detail.file_of(batch, results, row))
    except InvalidPhotoError:
        return  # its reason is shown when its turn comes


def _agreement(batch: Batch, results: Results) -> None:
    pairs = agreements(results, standing_reviews(batches.reviews_of(batch)))
    if not pairs:
        return
    with st.expander("Agreement"):
        for pair in pairs:
            for text in words.agreement(pair):
                sentence(text, "below")
        sentence(words.ABOUT_AGREEMENT, "standing")


def _training(batch: Batch) -> None:
    labels = agreed_labels(batches.reviews_of(batch))
    if not labels.agreed and not labels.contested:
        return
    with st.expander(f"Train on these labels ({len(labels.agreed):,})"):
        sentence(words.labels_kept(labels, VERDICTS), "below")
        names = {review.label for review in labels.agreed.values()}
        if len(names) < 2:
            sentence("Training needs photos of at least two conditions.", "standing")
        else:
            place = words.shell_word(batches.below_project(batch.path / VERDICTS))
            st.write("A new head for the same model, in about a minute:")
            st.code(words.quick_command(place, batch.run), language="bash")
            st.write("All of its weights, in an hour or more:")
            st.code(words.finetune_command(place), language="bash")
        _download(batch, counted(len(labels.agreed), "label"))


def _download(batch: Batch, what: str) -> None:
    file = batch.path / VERDICTS
    if file.exists():
        st.download_button(f"{VERDICTS} ({what})", file.read_bytes(), VERDICTS, "text/csv", on_click="ignore")
