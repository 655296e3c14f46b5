"""Feature space page: t-SNE map of the samples of a run."""

import streamlit as st

from app import widgets
from app.cache import maps, records
from app.feature_space import panels
from app.feature_space.hover_picture import hover_picture

sheet = st.container(key="space")
found = records.all_records()[0]
recorded = [record for record in found if record.splits]
asked = widgets.asked_run()
with sheet.container(key="space_head"):
    panels.introduction()
    if recorded:
        with st.container(key="space_runs"):
            record, split, second = panels.choose_runs(recorded)
with sheet:
    if not recorded:
        panels.nothing_recorded(found)
        st.stop()
    widgets.explain_other_run(asked, record.name, found, widgets.EVALUATED)
    if split is None:
        panels.no_map(record)
        st.stop()
    with widgets.user_errors_shown():
        samples = maps.mapped_samples(record, split)
        second_samples = None if second is None else maps.mapped_samples(second, split)
    panels.explore(record, samples, second, second_samples)
    hover_picture(*(each for each in (samples, second_samples) if each is not None))
