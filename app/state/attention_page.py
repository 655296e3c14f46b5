"""The rendered leaf in the query parameters, and the class explained on the Attention page."""

import streamlit as st

from app.photos.photo_files import PhotoFile
from app.state.keys import ASKED, SAMPLE, SQUARE

_NEXT_SAMPLE = "_next_sample"
_SAMPLE_SEEN = "_sample_seen"
_EXPLAINED = "_explained"
_SHOWN_ANYWAY = "_shown_anyway"


def sample_from_query() -> str | None:
    """Rendered leaf in the query parameters, once: afterwards the address follows the photo shown large."""
    asked = st.query_params.get(SAMPLE)
    if asked == st.session_state.get(_SAMPLE_SEEN):
        return None
    st.session_state[_SAMPLE_SEEN] = asked
    return asked


def write_sample_to_query(address: str | None) -> None:
    """Writes a rendered leaf to the query parameters; None removes it."""
    st.session_state[_SAMPLE_SEEN] = address
    if address is not None:
        st.query_params[SAMPLE] = address
    elif SAMPLE in st.query_params:
        del st.query_params[SAMPLE]


def next_sample() -> int:
    """Number of test leaves shown."""
    return st.session_state.get(_NEXT_SAMPLE, 0)


def count_sample() -> None:
    """Counts a shown test leaf."""
    st.session_state[_NEXT_SAMPLE] = next_sample() + 1


def asked_class() -> str | None:
    """Class to explain, from query parameter or chip."""
    return st.session_state.get(ASKED, st.query_params.get(ASKED))


def reset_asked_class(about: tuple, default: str) -> None:
    """Resets the question where another photo or run was chosen; a query parameter is kept."""
    if st.session_state.get(_EXPLAINED, about) != about:
        st.session_state[ASKED] = default
    st.session_state[_EXPLAINED] = about


def forget_square() -> None:
    """Clears the selected square."""
    st.session_state[SQUARE] = None


def is_shown_anyway(photo: PhotoFile) -> bool:
    """Whether the user asked for the map of this unfamiliar photo."""
    return photo.key in st.session_state.get(_SHOWN_ANYWAY, set())


def show_anyway(photo: PhotoFile) -> None:
    """Shows the map of an unfamiliar photo."""
    st.session_state.setdefault(_SHOWN_ANYWAY, set()).add(photo.key)
