"""Evaluation page: scores and errors of a run."""

import streamlit as st

from app import widgets
from app.cache import evaluations, records, trust
from app.evaluation import panels, views, words

sheet = st.container(key="evaluation")
found, troubles = records.all_records()
evaluated = [record for record in found if record.splits]
with sheet:
    st.html('<h1 class="page-title">Evaluation</h1>')
    if not evaluated:
        panels.empty_state(found, troubles)
        st.stop()
    record, split = panels.choose(evaluated, found)
    trust_place = panels.trust_place()  # filled last: the numbers below do not wait for it
    with widgets.user_errors_shown():
        predictions = evaluations.predictions_of(record, split)
        scores = evaluations.scores_of(record, split)
        read = words.times_evaluated(evaluations.test_evaluations(record), split)
    panels.headline(record, split, scores, predictions.calibrated, read)
    view = panels.choose_view()
    with st.container(key=f"view_{view}"):
        views.VIEWS[view](record, predictions, scores)
    widgets.unreadable_runs(found, troubles)
    with trust_place.container(key="trust"), widgets.user_errors_shown():
        panels.trust(record, split, trust.trust_of(record, split))
