"""Reviewing: name of the reviewer, next and skipped photos."""

import streamlit as st

from app.state.keys import REVIEWER

_TO_REVIEW = "_to_review"
_SKIPPED = "_skipped"
_REVIEWER = "_reviewer"
_AWAITED = "_awaited_decision"


def reviewer() -> str:
    """Name of the reviewer; empty before it was typed."""
    if REVIEWER in st.session_state:  # the field of the Batch page, which goes with that page
        st.session_state[_REVIEWER] = st.session_state[REVIEWER].strip()
    return st.session_state.get(_REVIEWER, "")


def restore_reviewer() -> None:
    """Gives the field of the Batch page the name that was typed on another page, or here before that; call it first.

    The field starts empty on every visit whose address has no name, and would take the name away from all pages.
    """
    if REVIEWER not in st.session_state and not st.query_params.get(REVIEWER) and _REVIEWER in st.session_state:
        st.session_state[REVIEWER] = st.session_state[_REVIEWER]


def take_reviewer(key: str) -> None:
    """Stores the name typed into the widget of this key."""
    st.session_state[_REVIEWER] = st.session_state[key].strip()


def await_decision(photo: str) -> None:
    """Starts to wait for the decision on the photo that is drawn now."""
    st.session_state[_AWAITED] = (photo, None)


def take_decision(photo: str, decision: str) -> tuple[bool, str | None]:
    """Takes a decision on a photo, unless it was decided on since it was drawn, or another photo is drawn by now.

    While a page is redrawn, the browser still has the buttons of the photo before, which hear the same keys.

    Returns:
        Whether it is taken, and the decision taken before it where there is one.
    """
    awaited, first = st.session_state.get(_AWAITED, (photo, None))
    if awaited != photo or first is not None:
        return False, first if awaited == photo else None
    st.session_state[_AWAITED] = (photo, decision)
    return True, None


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
