"""Feature space page: t-SNE map of the samples of a run."""

import streamlit as st

from app import widgets
from app.cache import maps, records
from app.feature_space import panels
from app.feature_space.hover_picture import hover_picture

sheet = st.container(key="space")
recorded = [record for record in records.all_records()[0] if record.splits]
with sheet.container(key="space_head"):
    panels.introduction()
    if recorded:
        with st.container(key="space_runs"):
            record, split, beside = panels.choose_runs(recorded)
with sheet:
    if not recorded:
        panels.nothing_recorded()
        st.stop()
    if split is None:
        panels.no_map(record)
        st.stop()
    with widgets.user_errors_shown():
        samples = maps.mapped_samples(record, split)
        others = None if beside is None else maps.mapped_samples(beside, split)
    panels.explore(record, samples, beside, others)
    hover_picture(*(each for each in (samples, others) if each is not None))
