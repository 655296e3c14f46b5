"""Severity page: measured against true areas."""

import streamlit as st

from app import widgets
from app.cache import records, severities
from app.severity import panels
from app.severity.words import HEAD

sheet = st.container(key="severity_page")
found, troubles = records.all_records()
measuring = [record for record in found if severities.has_severity(record) and record.kind != severities.SEGMENT]
with sheet:
    st.html('<h1 class="page-title">Severity</h1>')
    if not measuring:
        panels.empty_state(found)
        widgets.unreadable_runs(found, troubles)
        st.stop()
    record = widgets.choose_record(measuring, found, panels.MEASURED)
    with widgets.user_errors_shown():
        baselines = severities.baselines(record, found)
        rows = severities.measured_by_method({HEAD: record} | baselines)
    if not rows[HEAD]:
        panels.no_rows(record)
        st.stop()
    data = panels.choose_data(rows[HEAD])
    rows = {method: [row for row in own if row.data == data] for method, own in rows.items()}
    panels.headline(record, data, baselines)
    panels.agreements(record, data, rows[HEAD])
    panels.not_measured(rows[HEAD])
    panels.by_condition(rows)
    panels.worst(record, rows[HEAD])
