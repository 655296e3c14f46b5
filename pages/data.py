"""Data page: training data of a run, and checks of it."""

import streamlit as st

from app import widgets
from app.cache import records, training_photos
from app.data import panels

sheet = st.container(key="data")
found, troubles = records.all_records()
with sheet:
    st.html('<h1 class="page-title">Data</h1>')
    if not found:
        panels.empty_state()
        widgets.unreadable_runs(found, troubles)
        st.stop()
    with st.container(key="data_choice"):
        record = widgets.choose_record(found)
    with widgets.user_errors_shown():
        with st.spinner("Counting"):
            balance = training_photos.balance_of(record)
        check = training_photos.check_of(record)
    panels.headline(record, balance, check)
    with st.container(key="data_body"):
        with st.container(key="data_classes"):
            source = panels.choose_source(balance)
            if balance.classes:
                panels.spread(record, balance, source)
        with st.container(key="data_facts"):
            panels.report(record, check)
            panels.sources(record, balance)
    if balance.classes:
        with st.container(key="data_examples"):
            panels.examples(record, balance, source)
    widgets.unreadable_runs(found, troubles)
