"""Severity page: measured against true areas."""

import streamlit as st

from app import widgets
from app.cache import records, severities
from app.severity import panels
from app.severity.words import METHODS

sheet = st.container(key="severity_page")
found, troubles = records.all_records()
measuring = [record for record in found if severities.has_severity(record)]
with sheet:
    st.html('<h1 class="page-title">Severity</h1>')
    if not measuring:
        panels.empty_state(found)
        widgets.unreadable_runs(found, troubles)
        st.stop()
    record = widgets.choose_record(measuring, found, panels.MEASURED)
    with widgets.user_errors_shown():
        rows = severities.measured_photos(record)
    head, compared = ([row for row in rows if row.method == method] for method in METHODS)
    if not head:
        panels.no_rows(record)
        st.stop()
    data = panels.choose_data(head)
    head, compared = ([row for row in part if row.data == data] for part in (head, compared))
    panels.headline(record, data)
    panels.agreements(record, data, head)
    panels.not_measured(head)
    panels.by_condition(head, compared)
    panels.worst(record, head)
