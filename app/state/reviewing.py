"""Reviewing: name of the reviewer, next and skipped photos."""

import streamlit as st

from app.state.keys import REVIEWER

_TO_REVIEW = "_to_review"
_SKIPPED = "_skipped"
_REVIEWER = "_reviewer"


def reviewer() -> str:
    """Name of the reviewer; empty before it was typed."""
    if REVIEWER in st.session_state:  # the field of the Batch page, which goes with that page
        st.session_state[_REVIEWER] = st.session_state[REVIEWER].strip()
    return st.session_state.get(_REVIEWER, "")


def take_reviewer(key: str) -> None:
    """Stores the name typed into the widget of this key."""
    st.session_state[_REVIEWER] = st.session_state[key].strip()


def photo_to_review() -> str | None:
    """Path of the photo to review next, before all others."""
    return st.session_state.get(_TO_REVIEW)


def review_photo(path: str | None) -> None:
    """Sets the photo to review next."""
    st.session_state[_TO_REVIEW] = path


def skipped_photos() -> tuple[str, ...]:
    """Paths of photos that the reviewer skipped, in that order; they come last."""
    return st.session_state.get(_SKIPPED, ())


def skip_photo(path: str) -> None:
    """Skips a photo."""
    st.session_state[_SKIPPED] = (*(other for other in skipped_photos() if other != path), path)
    review_photo(None)


def unskip_photo() -> None:
    """Goes back to the photo that was skipped last."""
    *before, last = skipped_photos()
    st.session_state[_SKIPPED] = tuple(before)
    review_photo(last)
