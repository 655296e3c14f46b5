"""Where an answer comes from, and how far to trust the picture of it."""

import streamlit as st

from app import state, widgets
from app.attention import panels, question
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
    question.take_sample_of_address()
    crop = question.choose_photo(choices, run)
if not state.photos():
    with sheet.container(key="empty"), widgets.user_errors_shown():
        panels.nothing_yet()
        explanations.get_ready(run)  # the page is drawn; while the reader looks for a photo, the model gets ready
    st.stop()

with sheet.container(key="answer"), widgets.user_errors_shown():
    case = question.case_of(run, crop)
    widgets.warn_of_material(run, choices, case.is_drawn)
    if not panels.verdict(case):
        st.stop()
with sheet.container(key="how", horizontal=True):
    method = question.choose_method(case)
    arguments = question.choose_arguments(method)
with sheet.container(key="classes"):
    asked = question.ask(case, method, arguments)
with sheet.container(key="compare"):
    beside = question.choose_beside(case, choices)
with sheet.container(key="looks", horizontal=True, vertical_alignment="bottom"):
    look = question.choose_look()
with sheet.container(key="map"), widgets.user_errors_shown(), widgets.progress("Looking") as progress:
    with panels.meanwhile(case, asked, look):
        explanation = explanations.explain(case.photo, case.checkpoint, asked, progress)
    panels.shown_map(case, asked, explanation, look)
outcome = sheet.container(key="outcome")
with sheet.container(key="holds"), widgets.user_errors_shown():
    panels.tests_of(case, asked, explanation, outcome)
    panels.cannot_tell(method)
if explanations.can_look_inside(case.checkpoint):
    with sheet.container(key="squares"):
        panels.squares(case, look.strength)
    with sheet.container(key="heads"):
        panels.heads(case, look.strength)
with sheet.container(key="tools", horizontal=True, horizontal_alignment="right"):
    panels.save(case, explanation)
    panels.link(case)
if beside != question.NOTHING:
    with sheet.container(key="second"), widgets.user_errors_shown(), widgets.progress("Looking") as progress:
        other = None if beside == question.TWIN else question.case_of(question.named(choices, beside), crop)
        panels.beside_map(case, other, asked, explanation, look, progress)
