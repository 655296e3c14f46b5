"""Robustness page: accuracy under corruptions and attacks."""

import streamlit as st

from app import widgets
from app.cache import records, runs
from app.robustness import panels, views

found, troubles = records.all_records()
usable = panels.candidates(found)
with st.container(key="robustness_page"):
    st.html('<h1 class="page-title">Robustness</h1>')
    if not usable:
        panels.empty_state()
        widgets.unreadable_runs(found, troubles)
        st.stop()
    with widgets.user_errors_shown():
        chosen = panels.choose(usable)
        if chosen.found is not None:
            panels.headline(chosen)
        view = panels.choose_view()
        with st.container(key=f"robustness_{view}"):
            views.show(view, chosen, runs.diagnosing_runs())
    widgets.unreadable_runs(found, troubles)
