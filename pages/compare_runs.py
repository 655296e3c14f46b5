"""Compare runs page: learning curves, scores and paired differences of seed groups."""

import streamlit as st

from app import widgets
from app.cache import comparisons, records
from app.compare import live, panels, views

found, troubles = records.all_records()
groups = comparisons.seed_groups(found)
with st.container(key="compare"):
    st.html('<h1 class="page-title">Compare runs</h1>')
    chosen = panels.choose_groups(groups) if groups else []
    if not chosen:
        panels.nothing_chosen(groups)
        widgets.unreadable_runs(found, troubles)
        st.stop()
    view = panels.choose_view()
    with st.container(key=f"compare_{view}"):
        live.auto_refresh(views.VIEWS[view], chosen)
    widgets.unreadable_runs(found, troubles)
