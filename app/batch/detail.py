"""Details of one photo of a batch: prediction, crop, note, and links to other pages."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app import state
from app.batch.selection import ANY
from app.cache import batches
from app.cache.photos import whole_photo
from app.diagnose import panels as diagnose_panels
from app.diagnose import tell_apart
from app.diagnose import words as diagnose_words
from app.photos import photo_files
from app.photos.photo_files import PhotoFile
from app.reviewing import words as review_words
from app.widgets import errors_noted, picture, sentence
from hvit.batches import Batch
from hvit.batches.choices import choose_crop, write_note
from hvit.batches.results import UNREADABLE, WAITING, Results
from hvit.batches.reviews import Review
from hvit.data.classes import crop_title, crops
from hvit.data.photos import InvalidPhotoError


def show(batch: Batch, results: Results, reviews: dict[str, dict[str, Review]], shown: Sequence[str]) -> None:
    """The opened photo; instructions while none is.

    Args:
        shown: paths of the photos in the table, to step through.
    """
    number = {photo.path: row for row, photo in enumerate(results.photos)}
    path = state.opened_photo()
    if path not in number:
        sentence("Tick a row of the table to see its photo here.", "standing")
        return
    row = number[path]
    _steps(path, shown)
    st.html(f'<p class="standing">{html.escape(results.photos[row].name)}</p>')
    headline(batch, results, row)
    photo(batch, results, row)
    _crop(batch, results, row)
    prediction(batch, results, row)
    for review in reviews.get(path, {}).values():
        sentence(f"{review.reviewer}: {review_words.decision(review.label, review.verdict)}.", "standing")
    st.text_input(
        "Note", batches.notes_of(batch).get(path, ""), key=f"note_{path}", on_change=_store_note, args=(batch, path)
    )
    if str(results.verdicts[row]) not in (WAITING, UNREADABLE):
        _links(batch, results, row)


def _steps(path: str, shown: Sequence[str]) -> None:
    if path not in shown:
        return
    index = shown.index(path)
    with st.container(horizontal=True, vertical_alignment="center", key="batch_steps"):
        before, after = shown[index - 1], shown[(index + 1) % len(shown)]
        st.button("Previous", type="tertiary", key="batch_previous", on_click=state.open_photo, args=(before,))
        st.html(f'<p class="standing">{index + 1} of {len(shown)}</p>', width="content")
        st.button("Next", type="tertiary", key="batch_next", on_click=state.open_photo, args=(after,))


def file_of(batch: Batch, results: Results, row: int) -> PhotoFile:
    """The photo as a file of the session."""
    entry = results.photos[row]
    return photo_files.on_disk(batch.path / entry.path, entry.name)


def photo(batch: Batch, results: Results, row: int) -> None:
    """The photo at screen size, or why it is missing."""
    try:
        picture(whole_photo(file_of(batch, results, row)), "The photo", is_rendered=False, key="picture_batch")
    except InvalidPhotoError as error:
        if str(results.verdicts[row]) != UNREADABLE:
            sentence(f"The photo is not there any more: {error}", "notice")


def headline(batch: Batch, results: Results, row: int) -> None:
    """The verdict in words."""
    from hvit.batches.diagnoses import diagnosis_of

    if str(results.verdicts[row]) == WAITING:
        sentence("Not scored yet.", "below")
        return
    bold, rest = diagnose_words.headline(diagnosis_of(results, row, batch.run), results.photos[row].name)
    st.html(f'<h2 class="verdict small" role="status"><b>{html.escape(bold)}</b>{html.escape(rest)}</h2>')


def prediction(batch: Batch, results: Results, row: int) -> None:
    """Probabilities of the candidates, symptom area and flags; nothing without scores."""
    from hvit.batches.diagnoses import diagnosis_of

    if not results.has_scores[row]:
        return
    diagnosis = diagnosis_of(results, row, batch.run)
    is_reliable = diagnosis.verdict != "unfamiliar"
    diagnose_panels.probability_bars(diagnosis, reliable=is_reliable, calibrated=batch.rules.calibrated)
    for text in diagnose_words.area_sentences(diagnosis):
        sentence(text, "standing")
    for text in diagnose_words.photo_remarks(diagnosis):
        sentence(text)
    if is_reliable:
        condition_cards(diagnosis.prediction_set)


def condition_cards(candidates: Sequence[str]) -> None:
    """Expander with the tell-apart cards of the candidates; nothing where none is written."""
    if tell_apart.has_cards(candidates):
        with st.expander(tell_apart.title_of(candidates)):
            tell_apart.cards(candidates)


def _crop(batch: Batch, results: Results, row: int) -> None:
    known, path = crops(results.classes), results.photos[row].path
    if not known:
        return
    options = [ANY, *known]
    current = results.crops[row] if results.crops[row] in known else ANY
    crop = st.selectbox(
        "Crop of this photo",
        options,
        index=options.index(current),
        format_func=lambda c: "not known" if c == ANY else crop_title(c),
        key=f"crop_of_{path}_{current}",
    )
    if crop != current:
        choose_crop(batch, [path], None if crop == ANY else crop)
        st.rerun()


def _store_note(batch: Batch, path: str) -> None:
    with errors_noted():
        write_note(batch, path, st.session_state[f"note_{path}"])


def _links(batch: Batch, results: Results, row: int) -> None:
    """Links to other pages with the same photo, run and crop."""
    crop = results.crops[row]
    asked = {state.RUN: batch.run} | ({} if crop is None else {state.CROP: crop_title(crop)})
    with st.container(horizontal=True, key="batch_links"):
        for page, title in (("diagnose", "Open in Diagnose"), ("attention", "Explain in Attention")):
            if st.button(title, type="tertiary", key=f"batch_to_{page}"):
                state.choose_photo(file_of(batch, results, row))
                st.switch_page(f"../pages/{page}.py", query_params=asked)
