"""Selected samples of the feature maps."""

from collections.abc import Iterable, Sequence

import streamlit as st

from app.photos.photo_files import PhotoFile
from app.state.keys import CLASS, MAPS, POINTED

_SELECTED = "_selected_samples"
_DRAWN_SELECTED = "_selected_samples_when_drawn"
_TIMES_DRAWN = "_times_drawn"
_REFINED = "_refined"


def selected_samples() -> frozenset[str]:
    """Ids of the samples selected on a map; kept when another run or color is chosen."""
    return st.session_state.get(_SELECTED, frozenset())


def select_samples(ids: Iterable[str]) -> None:
    """Selects samples by id; both maps are redrawn."""
    st.session_state[_SELECTED] = frozenset(ids)
    for which in MAPS:
        _redraw(which)


def map_key(which: str) -> str:
    """Key of one of `MAPS`. A new key removes the lasso drawn on it."""
    return f"{which}_{st.session_state.get(_TIMES_DRAWN, {}).get(which, 0)}"


def select_on_map(which: str, ids: Sequence[str]) -> None:
    """Takes over the selection of a map, whose points carry rows of `ids`; the other map is redrawn."""
    points = st.session_state[map_key(which)]["selection"]["points"]
    rows = [point["customdata"] for point in points if "customdata" in point]
    st.session_state[_SELECTED] = frozenset(ids[row[0] if isinstance(row, list) else row] for row in rows)
    for other in MAPS:
        if other != which:
            _redraw(other)


def selected_when_drawn(which: str) -> frozenset[str]:
    """The selection when a map was last redrawn: its own lasso does not redraw it."""
    return st.session_state.get(_DRAWN_SELECTED, {}).get(which, frozenset())


def draw_selection() -> None:
    """Marks the maps as redrawn with the current selection."""
    st.session_state[_DRAWN_SELECTED] = dict.fromkeys(MAPS, selected_samples())


def _redraw(which: str) -> None:
    st.session_state[_DRAWN_SELECTED] = st.session_state.get(_DRAWN_SELECTED, {}) | {which: selected_samples()}
    times = st.session_state.get(_TIMES_DRAWN, {})
    st.session_state[_TIMES_DRAWN] = times | {which: times.get(which, 0) + 1}


def hovered_sample() -> dict | None:
    """Map and row of the sample under the pointer; None before there was one."""
    return st.session_state.get(POINTED, {}).get("leaf")


def is_refined(photo: PhotoFile) -> bool:
    """Whether the exact position of a photo on the map was requested."""
    return photo.key in st.session_state.get(_REFINED, set())


def refine(photo: PhotoFile) -> None:
    """Requests the exact position of a photo on the map."""
    st.session_state.setdefault(_REFINED, set()).add(photo.key)


def found_class() -> str | None:
    """Class searched for on a map, if it exists."""
    return st.session_state.get(CLASS)
