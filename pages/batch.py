"""Batch page: hundreds of photos scored in the background, with table, review and trial."""

import streamlit as st

from app import state, widgets
from app.batch import panels, views
from app.cache import batches, runs

sheet = st.container(key="batch_sheet")
found, troubles = batches.all_batches()
with sheet:
    st.html('<h1 class="page-title">Batch</h1>')
    panels.unreadable_batches(troubles)
    with st.container(key="batch_choice"):
        batch = panels.choose_batch(found)
    if note := state.take_note_on_batch():
        widgets.notice(note)
    if batch is None:
        choices = runs.diagnosing_runs()
        if choices:
            panels.new_batch(choices)
        else:
            widgets.no_run_yet()
        st.stop()
    with widgets.user_errors_shown():
        panels.progress_header(batch)
        panels.moved_folders(batch)
        views.show(batch)
        panels.add_and_delete(batch, batches.scoring_of(batch))
        views.preload()  # the page is drawn; opening a photo then does not wait
