"""Panels of the Guess first page."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app import state, theme, widgets
from app.cache.guesses import first_leaf, next_address, rendered
from app.figures import agreement
from app.guess import words
from app.photos import pictures
from app.photos.rendered_leaves import Rendering, make
from app.theme import SAVE_MODEBAR
from hvit.data.leafsim import Address


def leaf(rendering: Rendering, shows_truth: bool) -> None:
    """The leaf to rate; with the outline of its symptoms after the guess."""
    pixels = rendered(str(rendering.address))
    if shows_truth and rendering.symptom_mask.any():
        pixels = pictures.with_outline(pixels, rendering.symptom_mask)
    widgets.picture(
        pixels, "A rendered leaf" + (" with its symptoms outlined" if shows_truth else ""), is_rendered=True
    )


def ask(rendering: Rendering) -> None:
    """Slider and button for the guess."""
    guessed = st.slider("How much of the leaf shows symptoms?", 0.0, 100.0, 0.0, 0.5, format="%.1f %%", key=state.GUESS)
    st.button(
        "That is my guess", type="primary",
        on_click=state.take_guess, args=(words.Guess(str(rendering.address), guessed / 100, rendering.severity),),
    )  # fmt: skip


def answer(guess: words.Guess) -> None:
    """The true area, and a button for the next leaf."""
    bold, rest = words.verdict(guess)
    st.html(f'<p class="verdict" role="status"><b>{html.escape(bold)}</b></p><p class="below">{html.escape(rest)}</p>')
    st.button("Next leaf", type="primary", on_click=state.next_leaf_to_guess)


def record(guesses: Sequence[words.Guess]) -> None:
    """Statistics of the guesses so far."""
    if not guesses:
        return
    widgets.sentence(words.summary(guesses), "standing")
    true, guessed = [g.true for g in guesses], [g.guessed for g in guesses]
    figure = agreement.identity_scatter(
        true, guessed, guessed, guessed, [g.address for g in guesses], theme.palette(st.context.theme.type)
    )
    template = "%{text}<br>true %{x:.1%}, your guess %{y:.1%}<extra></extra>"
    figure.update_traces(hovertemplate=template, selector={"mode": "markers"})
    figure.update_yaxes(title={"text": "your guess"})
    figure.update_layout(height=320)
    st.plotly_chart(figure, config=SAVE_MODEBAR, key="guesses", alt=words.summary(guesses))
    rows = [{"leaf": g.address, "guessed": g.guessed, "true": g.true} for g in guesses]
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: widgets.csv_of(rows), "guesses.csv", "text/csv", on_click="ignore", key="guesses_csv"
        )
        st.button("Start over", type="tertiary", on_click=state.forget_guesses)


def current_rendering() -> Rendering:
    """The current leaf; a new one where none was chosen."""
    address = state.leaf_to_guess()
    if address is None:
        address = next_address(state.leaves_from(first_leaf()) + len(state.guesses()))
        state.set_leaf_to_guess(address)
    return make(Address.parse(address))
