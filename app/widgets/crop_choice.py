"""Choice of the crop that predictions are restricted to."""

from collections.abc import Sequence

import streamlit as st

from app import query_params, state
from hvit.data.classes import crop_title, crops

NOT_SURE, ANOTHER = "not_sure", "another"


def choose_crop(classes: Sequence[str]) -> str:
    """Selects a crop of the run, `NOT_SURE` or `ANOTHER`: chips, or a drop-down on a phone.

    A run without crops leaves nothing to choose.
    """
    if not crops(classes):
        query_params.remove(state.CROP)
        return NOT_SURE
    options = [NOT_SURE, *crops(classes), ANOTHER]
    titles = {NOT_SURE: "Not sure", ANOTHER: "Another crop"} | {crop: crop_title(crop) for crop in crops(classes)}
    query_params.restore(state.CROP, options, titles.get)
    with st.container(key="crop_chips"):
        crop = st.pills("Which crop?", options, required=True, key=state.CROP, format_func=titles.get)
    query_params.store(state.CROP, crop, options, titles.get)
    state.menu_follows_chips()
    with st.container(key="crop_list"):
        st.selectbox(
            "Which crop?", options, key=state.CROP_MENU, format_func=titles.get, on_change=state.crop_from_menu
        )
    return crop


def known_crop(choice: str) -> str | None:
    """Crop that predictions are restricted to; None for `NOT_SURE`."""
    return None if choice in (NOT_SURE, ANOTHER) else choice
