"""Corrections of the measured symptom area."""

import streamlit as st

from app.state.keys import AREA_LEVEL

_CLICKED_REGIONS = "_clicked_regions"
_AREAS = "_corrected_areas"


def corrected_areas() -> dict[tuple[str, str], float]:
    """Lesion shares that the reader corrected, by photo and model."""
    return st.session_state.setdefault(_AREAS, {})


def correct_area(photo: str, model: str, share: float | None) -> None:
    """Stores a corrected lesion share; None restores the measured one."""
    if share is None:
        corrected_areas().pop((photo, model), None)
    else:
        corrected_areas()[(photo, model)] = share


def area_level_key(photo: str) -> str:
    """Key of the symptom probability that the reader chose for a photo."""
    return f"{AREA_LEVEL}_{photo}"


def area_level(photo: str, own: float) -> float:
    """Symptom probability that the reader chose for a photo; that of the run where none was chosen."""
    return st.session_state.get(area_level_key(photo), own)


def left_out_key(photo: str) -> str:
    """Key of the numbers of a photo's regions that show no symptom."""
    return f"left_out_{photo}"


def left_out(photo: str) -> tuple[int, ...]:
    """Numbers of the regions of a photo that the reader left out."""
    return tuple(st.session_state.get(left_out_key(photo)) or ())


def regions_key(photo: str) -> str:
    """Key of the figure whose regions are clicked; a new one after each click, so that a second click counts too."""
    return f"regions_{photo}_{st.session_state.get(_CLICKED_REGIONS, 0)}"


def take_clicked_region(photo: str) -> None:
    """Leaves the clicked region out, or counts it again; the region's number travels with the point."""
    points = st.session_state[regions_key(photo)]["selection"]["points"]
    if points:
        number = points[0]["customdata"]
        st.session_state[left_out_key(photo)] = sorted({*left_out(photo)} ^ {number})
        st.session_state[_CLICKED_REGIONS] = st.session_state.get(_CLICKED_REGIONS, 0) + 1
