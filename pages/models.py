"""Models page: the model family, and the card of each run."""

import streamlit as st

from app import widgets
from app.cache import records
from app.models import panels

sheet = st.container(key="models")
found, troubles = records.all_records()
with sheet:
    st.html('<h1 class="page-title">Models</h1>')
    card = st.container(key="models_card")
    with st.container(key="models_family"):
        panels.family_table()
    with card:
        st.html("<h2>Model card</h2>")
        if not found:
            st.html('<p class="below">There is no run here yet.</p>')
            widgets.how_to_train()
            widgets.unreadable_runs(found, troubles)
            st.stop()
        with st.container(key="models_choice"):
            record = widgets.choose_record(found)
        with widgets.user_errors_shown():
            panels.card(record)
        widgets.unreadable_runs(found, troubles)
