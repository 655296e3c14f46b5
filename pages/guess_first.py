"""Guess first page: raters estimate severities that are known exactly."""

import streamlit as st

from app import state
from app.guess import panels

with st.container(key="guess_page"):
    st.html('<h1 class="page-title">Guess first</h1>')
    st.html(
        '<p class="below">Train your eye on rendered leaves whose affected area is known exactly. Guess, see the '
        "truth, and watch your bias shrink.</p>"
    )
    rendering = panels.current_rendering()
    guess = state.present_guess()
    first, second = st.columns([1.1, 1])
    with first:
        panels.leaf(rendering, shows_truth=guess is not None)
    with second:
        if guess is None:
            panels.ask(rendering)
        else:
            panels.answer(guess)
        panels.record(state.guesses())
