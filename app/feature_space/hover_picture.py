"""Image of the sample under the pointer."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

from app import state
from app.cache import samples
from hvit.feature_space.mapped_samples import MappedSamples

_show = st.components.v2.component(
    "pointed_leaf",
    html='<figure class="pointed-leaf" hidden><img alt=""></figure>',  # its content is listed below the map
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@st.fragment
def hover_picture(*maps: MappedSamples) -> None:
    """Shows the image of a sample beside the pointer; nothing where the photo is not available.

    Args:
        maps: in the order of the page.
    """
    pointed = state.hovered_sample()
    picture = None if pointed is None else _picture(pointed["map"], pointed["row"], maps)
    data = {"maps": [each.identity for each in maps], "pointed": pointed, "picture": picture}
    _show(key=state.POINTED, data=data, on_leaf_change=lambda: None)


def _picture(identity: str, row: int, maps: tuple[MappedSamples, ...]) -> str | None:
    """A JPEG in base64."""
    found = next((each for each in maps if each.identity == identity), None)
    if found is None:  # the pointer was on a map that is not shown any more
        return None
    try:
        photos = {} if samples.is_rendered(found.paths[row]) else samples.photos_in(state.photos_folder())
    except ValueError:  # the gallery says why
        photos = {}
    picture = samples.picture(found.paths[row], found.sha256[row], photos)
    return None if picture is None else base64.b64encode(picture).decode()
