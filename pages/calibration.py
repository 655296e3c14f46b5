"""Calibration page: probabilities, prediction sets and rejection thresholds of a run."""

import streamlit as st

from app import widgets
from app.cache import calibrations, evaluations, records
from app.calibration import panels, views
from app.evaluation import panels as evaluation

sheet = st.container(key="calibration_page")
found, troubles = records.all_records()
evaluated = [record for record in found if record.splits]
with sheet:
    st.html('<h1 class="page-title">Calibration</h1>')
    if not evaluated:
        panels.empty_state(found, troubles)
        st.stop()
    record, split = evaluation.choose(evaluated, found)
    with widgets.user_errors_shown():
        predictions = evaluations.predictions_of(record, split)
        scores = calibrations.calibration_of(record, split)
        selective = calibrations.selective_of(record, split)
    panels.headline(record, split, predictions, scores[0], selective[0][1])
    view = panels.choose_view()
    with st.container(key=f"calibration_{view}"), widgets.user_errors_shown():
        views.VIEWS[view](record, split, predictions)
    widgets.unreadable_runs(found, troubles)
