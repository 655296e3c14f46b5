"""Guesses of the Guess first page."""

import streamlit as st

from app.state.keys import GUESS

_GUESSES = "_guesses"
_LEAF_TO_GUESS = "_leaf_to_guess"
_LEAVES_FROM = "_leaves_from"
_PRESENT_GUESS = "_present_guess"


def guesses() -> list:
    """Guesses of the rater in this session, in order."""
    return st.session_state.setdefault(_GUESSES, [])


def leaves_from(first: int) -> int:
    """Number of the first leaf of this session's guesses: `first`, where none was kept yet."""
    return st.session_state.setdefault(_LEAVES_FROM, first)


def present_guess():
    """Guess for the current leaf; None before it was made."""
    return st.session_state.get(_PRESENT_GUESS)


def take_guess(guess) -> None:
    """Stores a guess; a second click on the button before the page answers is not another guess."""
    if present_guess() is not None:
        return
    guesses().append(guess)
    st.session_state[_PRESENT_GUESS] = guess


def leaf_to_guess() -> str | None:
    """Address of the current leaf."""
    return st.session_state.get(_LEAF_TO_GUESS)


def set_leaf_to_guess(address: str) -> None:
    """Sets the current leaf."""
    st.session_state[_LEAF_TO_GUESS] = address


def next_leaf_to_guess() -> None:
    """Advances to the next leaf."""
    for key in (_PRESENT_GUESS, _LEAF_TO_GUESS, GUESS):
        st.session_state.pop(key, None)


def forget_guesses() -> None:
    """Removes all guesses."""
    next_leaf_to_guess()
    for key in (_GUESSES, _LEAVES_FROM):
        st.session_state.pop(key, None)
