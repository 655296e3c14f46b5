"""Panels at the top of the Batch page: choice and creation of a batch, its progress, adding photos, deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app import photo_inputs, state, widgets
from app.batch import words
from app.cache import batches
from app.cache.batches import Scoring
from app.cache.folders import batches_folder
from app.widgets import call_noting_errors, notice, plain, sentence, user_errors_shown
from app.words import counted
from hvit.batches import Batch, BatchError, create_batch, delete_batch
from hvit.batches.photos import add_folder, add_uploads, missing_folders, relink_folder
from hvit.data.photo_limits import MAX_BYTES
from hvit.runs import Trouble
from hvit.runs.snapshot import RunSnapshot

NEW = "A new batch"
REFRESH_S = 2
IDLE_REFRESH_S = 10  # while nothing is scored


def choose_batch(found: Sequence[Batch]) -> Batch | None:
    """Selects the batch; None to create one."""
    names = [*(batch.name for batch in found), NEW]
    asked = st.query_params.get(state.BATCH) or state.shown_batch()
    name = widgets.choose_shared("Batch", names, state.BATCH)
    if asked is not None and asked not in names:
        notice(f"There is no batch {asked[:80]} here.")
    state.set_shown_batch(name)
    return next((batch for batch in found if batch.name == name), None)


def unreadable_batches(troubles: Sequence[Trouble]) -> None:
    """Lists unreadable batches with the reasons, folded: they must not stand between a reviewer and the photos."""
    if not troubles:
        return
    with st.expander(f"{counted(len(troubles), 'folder')} among the batches cannot be read"):
        for trouble in troubles:
            notice(f"{trouble.reason[:1].upper()}{trouble.reason[1:]}.")


def new_batch(runs: Sequence[RunSnapshot]) -> None:
    """Form for a new batch: name, model and photos."""
    st.html('<p class="below">Hundreds of photos: scored in the background, reviewed and reported.</p>')
    with st.container(key="batch_new"):
        st.text_input("Name", key=state.BATCH_NAME, placeholder=f"Field {datetime.now():%Y-%m-%d}")
        run = widgets.choose_run(runs)
        _ask_for_photos()
        sentence(words.storage_note(str(batches_folder()), photo_inputs.is_remote_client()), "standing")
        st.button("Score these photos", type="primary", on_click=_create, args=(run,))


def _ask_for_photos() -> None:
    """Uploader and, on this computer, a folder field."""
    with st.container(key="batch_upload"):
        st.file_uploader(
            "Photos", accept_multiple_files=True, key=state.batch_inbox_key(), label_visibility="collapsed"
        )
    if not photo_inputs.is_remote_client():
        st.text_input("or a folder on this computer", key=state.BATCH_FOLDER, placeholder="~/Pictures/field")


def _create(run: RunSnapshot) -> None:
    files, folder = st.session_state[state.batch_inbox_key()], st.session_state.get(state.BATCH_FOLDER, "").strip()
    if not files and not folder:
        state.note_on_batch("Choose photos, or name a folder, first.")
        return
    title = st.session_state[state.BATCH_NAME].strip() or f"Field {datetime.now():%Y-%m-%d}"
    batch = None
    try:
        batch = create_batch(batches_folder(), title, run.name, run.card)
        _add(batch)
        state.choose_batch(batch.name)
    except ValueError as error:
        if batch is not None:
            delete_batch(batch)  # nothing was scored, and the photos are still in the uploader or in their folder
        state.note_on_batch(str(error))


def _add(batch: Batch) -> None:
    """Adds the uploads and the photos of the typed folder, and starts scoring.

    Raises:
        ValueError: there is no such folder or no photo in it, or the batch cannot be written.
    """
    files, folder = st.session_state[state.batch_inbox_key()], st.session_state.get(state.BATCH_FOLDER, "").strip()
    fitting = [file for file in files if file.size <= MAX_BYTES]
    new, note = add_folder(batch, folder) if folder else (0, None)
    new += add_uploads(batch, ((file.name, file.getvalue()) for file in fitting))
    state.note_on_batch(words.skipped_note(len(files) - len(fitting), new, note))
    state.empty_batch_inbox()
    batches.start(batch)


def add_and_delete(batch: Batch, scoring: Scoring) -> None:
    """Expander that adds photos to the batch or deletes it."""
    with st.expander("Add photos, or delete this batch"):
        _ask_for_photos()
        st.button("Add these photos", on_click=call_noting_errors, args=(_add, batch))
        sentence(words.storage_note(str(batch.path), photo_inputs.is_remote_client()), "standing")
        what = f"Delete {plain(batch.name)} with its uploads, scores and reviews"
        sure = st.checkbox(what, key=f"sure_{batch.name}")
        st.button(
            "Delete this batch",
            disabled=not sure or scoring.is_running,
            on_click=call_noting_errors,
            args=(_delete, batch),
        )
        if scoring.is_running:
            sentence("Stop it first.", "standing")


def _delete(batch: Batch) -> None:
    delete_batch(batch)
    batches.forget(batch)
    state.choose_batch(None)


def progress_header(batch: Batch) -> None:
    """Progress of the batch, refreshed every `REFRESH_S` seconds while it is scored."""
    scoring = batches.scoring_of(batch)
    if _resume_interrupted(batch, scoring):
        scoring = batches.scoring_of(batch)
    state.set_scores_seen(scoring.done)
    with st.container(key="batch_head"):
        if scoring.is_running:
            st.fragment(_progress, run_every=REFRESH_S)(batch)
        else:
            _show_progress(batch, scoring)
            st.fragment(_rerun_when_added, run_every=IDLE_REFRESH_S)(batch, scoring.total)


def _rerun_when_added(batch: Batch, seen: int) -> None:
    """Reruns the page when photos were added from another window or device."""
    with user_errors_shown():
        total = batches.scoring_of(batch).total
    if total != seen and not state.batch_rows_are_selected():
        state.keep_note_on_batch()
        st.rerun()


def moved_folders(batch: Batch) -> None:
    """Asks for the new location of linked folders that were moved."""
    for link, place in missing_folders(batch):
        notice(f"The folder {place} is not there any more. What was scored stays; its photos cannot be shown.")
        if not photo_inputs.is_remote_client():
            key = f"moved_{batch.name}_{link}"
            st.text_input("Where is it now?", key=key, on_change=call_noting_errors, args=(_relink, batch, link, key))


def _relink(batch: Batch, link: str, key: str) -> None:
    relink_folder(batch, link, st.session_state[key])


def _resume_interrupted(batch: Batch, scoring: Scoring) -> bool:
    try:
        return batches.resume_interrupted(batch, scoring)
    except BatchError as error:  # a folder that is read-only is shown as it is
        notice(f"{error}.")
        return False


def _progress(batch: Batch) -> None:
    with user_errors_shown():
        scoring = batches.scoring_of(batch)
    _show_progress(batch, scoring)
    is_new = scoring.done != state.scores_seen() and not state.batch_rows_are_selected()
    if not scoring.is_running or is_new:
        state.keep_note_on_batch()
        st.rerun()


def _show_progress(batch: Batch, scoring: Scoring) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="batch_progress"):
        st.html(f'<p class="summary" role="status">{words.progress(scoring)}</p>', width="content")
        if scoring.is_running and scoring.waiting:
            st.button("Stop", key="batch_stop", on_click=call_noting_errors, args=(batches.stop, batch))
        elif scoring.waiting:
            st.button(
                "Continue",
                key="batch_continue",
                type="primary",
                on_click=call_noting_errors,
                args=(batches.start, batch),
            )
    if scoring.waiting and scoring.total:
        st.progress(scoring.done / scoring.total)
    if scoring.problem:
        notice(f"{scoring.problem}.")
