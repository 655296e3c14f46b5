"""Values of widgets whose options change, and of the confusion matrix."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.state.keys import CALLED, COMPARED_GROUPS, FORMER_TITLES, MATRIX, TRUE_CLASS


def keep_among(key: str, options: Sequence) -> None:
    """Resets a choice to the first option if it is not among the options.

    An address from before an option got another title still chooses it.
    """
    renamed = FORMER_TITLES.get(key, {}).get(st.query_params.get(key))
    if renamed in options and key not in st.session_state:
        st.session_state[key] = renamed
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


def keep_level(key: str, titles: Mapping[float, str], first: float) -> None:
    """Resets a slider over levels to `first` if its value is not a level.

    Args:
        titles: of the levels, as the address carries them.
    """
    asked = st.query_params.get(key) in titles.values()
    if st.session_state.get(key, first) not in titles or (key not in st.session_state and not asked):
        st.session_state[key] = first


def keep_subset(key: str, options: Sequence) -> None:
    """Removes chosen values that are no longer options."""
    if key in st.session_state:
        st.session_state[key] = [value for value in st.session_state[key] if value in options]


def show_cell(true: str, called: str) -> None:
    """Selects a cell of the confusion matrix: photos of one class predicted as another."""
    st.session_state[TRUE_CLASS], st.session_state[CALLED] = true, called


def take_clicked_cell() -> None:
    """Selects the clicked cell of the confusion matrix; its classes are in the point's data."""
    points = st.session_state[MATRIX]["selection"]["points"]
    if points:
        show_cell(*points[0]["customdata"])


def choose_groups(names: Sequence[str]) -> None:
    """Selects these seed groups for comparison."""
    st.session_state[COMPARED_GROUPS] = list(names)
