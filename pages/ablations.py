"""Ablations page: effect of single changes to a training recipe."""

import streamlit as st

from app import widgets
from app.ablations import panels, words
from app.cache import ablations, records

found, troubles = records.all_records()
studies = ablations.group_by_variant(found)
with st.container(key="ablations"):
    st.html('<h1 class="page-title">Ablations</h1>')
    if not studies:
        panels.empty_state()
        widgets.unreadable_runs(found, troubles)
        st.stop()
    name = panels.choose(studies)
    variants, scores = studies[name], st.container()
    panels.convergence(variants)
    widgets.unreadable_runs(found, troubles)
    with scores, widgets.user_errors_shown():  # last: an error ends the page
        rows = []
        if splits := ablations.comparable_splits(variants):
            rows = ablations.rows_of(name, variants, panels.choose_split(splits))
        if waiting := words.not_evaluated(rows, variants):
            widgets.sentence(waiting, "below")
        if rows:
            panels.effects(rows)
            panels.table(rows, variants, name)
