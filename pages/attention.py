"""Attention page: attribution maps of a prediction, and tests of their faithfulness."""

import streamlit as st

from app import photo_inputs, state, widgets
from app.attention import controls, panels, token_panels
from app.cache import explanations, runs

widgets.unseen_title("Attention")
sheet = st.container(key="attention")
choices = runs.diagnosing_runs()
if not choices:
    widgets.no_run_yet()
    st.stop()
if trouble := widgets.trouble_with_address(choices):
    with sheet.container(key="address"):
        widgets.notice(trouble)
with sheet.container(key="with_model"):
    run = widgets.choose_run(choices)
with sheet.container(key="of_photo"), widgets.user_errors_shown():
    controls.open_sample_from_url()
    crop = controls.choose_photo(choices, run)
if not state.photos():
    with sheet.container(key="empty"), widgets.user_errors_shown():
        panels.empty_state()
        explanations.preload(run)  # the page is drawn; while the reader looks for a photo, the model gets ready
    st.stop()

with sheet.container(key="answer"), widgets.user_errors_shown():
    diagnosed = controls.diagnose_shown_photo(run, crop)
    photo_inputs.warn_of_domain_mismatch(run, choices, diagnosed.is_rendered)
    if not panels.verdict(diagnosed):
        st.stop()
with sheet.container(key="how", horizontal=True):
    method = controls.choose_method(diagnosed)
    arguments = controls.choose_arguments(method)
with sheet.container(key="classes"):
    asked = controls.choose_target(diagnosed, method, arguments)
with sheet.container(key="compare"):
    compared_with = controls.choose_comparison(diagnosed, choices)
with sheet.container(key="looks", horizontal=True, vertical_alignment="bottom"):
    style = controls.choose_map_style()
with sheet.container(key="map"), widgets.user_errors_shown(), widgets.progress("Looking") as progress:
    with panels.placeholder_map(diagnosed, asked, style):
        explanation = explanations.explain(diagnosed.photo, diagnosed.checkpoint, asked, progress)
    panels.attribution_map(diagnosed, asked, explanation, style)
summary_place = sheet.container(key="outcome")
with sheet.container(key="holds"), widgets.user_errors_shown():
    panels.faithfulness(diagnosed, asked, explanation, summary_place)
    panels.limitations(method)
if explanations.has_attention(diagnosed.checkpoint):
    with sheet.container(key="squares"):
        token_panels.squares(diagnosed, style.opacity)
    with sheet.container(key="heads"):
        token_panels.heads(diagnosed, style.opacity)
with sheet.container(key="tools", horizontal=True, horizontal_alignment="right"):
    panels.save(diagnosed, explanation)
    panels.link(diagnosed)
if compared_with != controls.NOTHING:
    with sheet.container(key="second"), widgets.user_errors_shown(), widgets.progress("Looking") as progress:
        other = (
            None
            if compared_with == controls.RANDOMIZED
            else controls.diagnose_shown_photo(controls.run_of_name(choices, compared_with), crop)
        )
        panels.comparison_map(diagnosed, other, asked, explanation, style, progress)
