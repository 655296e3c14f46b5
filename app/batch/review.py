"""Review of a batch: one photo at a time, the most uncertain first, one key for each decision."""

from __future__ import annotations

import html
from functools import partial
from pathlib import Path

import streamlit as st

from app import state
from app.batch import detail, words
from app.batch.agreement import agreements
from app.cache import batches
from app.cache.photos import whole_photo
from app.cache.reviews import reviews_of
from app.reviewing.decisions import ReviewTarget, decision_buttons, undo_button
from app.reviewing.training import train_on_labels
from app.widgets import errors_noted, notice, sentence, user_errors_shown
from hvit.batches import Batch
from hvit.batches.results import Results
from hvit.batches.reviews import Review, add_review, most_uncertain_first, standing_reviews, undo
from hvit.data.photos import InvalidPhotoError
from hvit.verdicts import UNFAMILIAR
from hvit.words import label_title

SWIPE = Path(__file__).with_name("swipe.js")


def show(batch: Batch) -> None:
    """Name of the reviewer, one photo with its buttons, agreement, and commands that train on the labels."""
    results = batches.results_of(batch)
    state.restore_reviewer()
    with st.container(key="review_name"):
        st.text_input("Reviewer", key=state.REVIEWER, placeholder="your name", bind="query-params")
    if not state.reviewer():
        sentence("Type your name, so that it stands beside your decisions.", "below")
        train_on_labels(batch, reviews_of(batch), batch.run)
    else:
        st.fragment(_decide)(batch, results)
    _agreement_expander(batch, results)


def _decide(batch: Batch, results: Results) -> None:
    """The fragment that reruns after a decision."""
    with user_errors_shown():  # within: a fragment keeps its errors from the page
        _review(batch, results)
        train_on_labels(batch, reviews_of(batch), batch.run)


def _review(batch: Batch, results: Results) -> None:
    """The next photo with the buttons of the decisions."""
    if note := state.take_note_on_batch():
        notice(note)
    reviewer, standing = state.reviewer(), standing_reviews(reviews_of(batch))
    own = {path for path, by_reviewer in standing.items() if reviewer in by_reviewer}
    queue = _queue(results, own)
    st.html(f'<p class="summary" role="status">{html.escape(words.reviewed(reviewer, len(own), len(results)))}</p>')
    if not queue:
        sentence("Every photo has a decision of yours.", "below")
        undo_button(partial(_undo, batch, reviewer), disabled=not own)
        return
    row = queue[0]
    detail.headline(batch, results, row)
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="review_photo"):
        detail.photo(batch, results, row)
        st.html(f'<p class="standing">{html.escape(results.photos[row].name)}</p>')
    with right:
        decision_buttons(_reviewed_sample(results, row, reviewer), partial(_store, batch))
        with st.container(horizontal=True, key="review_steps"):
            _steps(results.photos[row].path)
            undo_button(partial(_undo, batch, reviewer), disabled=not own)
        detail.condition_cards([name for name, _ in results.candidates(row)])
    if len(queue) > 1:
        _preload_next(batch, results, queue[1])


def _queue(results: Results, reviewed: set[str]) -> list[int]:
    """Rows without a decision, the most uncertain first; one that was undone or skipped to comes before all others."""
    rows = [int(row) for row in most_uncertain_first(results) if results.photos[row].path not in reviewed]
    first, skipped = state.photo_to_review(), state.skipped_photos()
    return sorted(rows, key=lambda row: (results.photos[row].path != first, results.photos[row].path in skipped))


def _steps(path: str) -> None:
    """Buttons to the photo skipped last and to the next one without a decision; a swipe does the same."""
    skipped = state.skipped_photos()
    st.button("Back", shortcut="b", disabled=not skipped, on_click=state.unskip_photo, key=f"back_{path}")
    st.button("Skip", shortcut="s", on_click=state.skip_photo, args=(path,), key=f"skip_{path}")
    st.html(f"<script>{SWIPE.read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)


def _reviewed_sample(results: Results, row: int, reviewer: str) -> ReviewTarget:
    """The candidates of a photo for review; the first is the prediction of the run, which has none where unfamiliar."""
    path = results.photos[row].path
    own = None if results.verdicts[row] == UNFAMILIAR else results.label(row)
    blank = Review(
        reviewer, path, results.sha256[row] or "", "", predicted=own or "",
        probability=None if own is None else float(results.probability[row]),
    )  # fmt: skip
    names = [name for name, _ in results.candidates(row)] or ([own] if own else [])
    titles = [f"Right: {label_title(name)}" if name == own else label_title(name) for name in names]
    return ReviewTarget(path, blank, list(zip(names, titles)), results.classes)


def _store(batch: Batch, review: Review) -> None:
    with errors_noted():
        add_review(batch, review)
        state.review_photo(None)


def _undo(batch: Batch, reviewer: str) -> None:
    with errors_noted():
        if (last := undo(batch, reviewer)) is not None:
            state.review_photo(last.path)


def _preload_next(batch: Batch, results: Results, row: int) -> None:
    """Decodes the next photo in advance."""
    try:
        whole_photo(detail.file_of(batch, results, row))
    except InvalidPhotoError:
        return  # its reason is shown when its turn comes


def _agreement_expander(batch: Batch, results: Results) -> None:
    pairs = agreements(results, standing_reviews(reviews_of(batch)))
    if not pairs:
        return
    with st.expander("Agreement"):
        for pair in pairs:
            for text in words.agreement(pair):
                sentence(text, "below")
        sentence(words.ABOUT_AGREEMENT, "standing")
