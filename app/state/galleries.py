"""Galleries: the folder of photos, and the opened tile."""

import os

import streamlit as st

_PHOTOS_FOLDER = "_photos_folder"
_OPENED_TILE = "_opened_tile"


def photos_folder() -> str:
    """Folder with the photos of runs that ship without them: as typed, else `$HVIT_PHOTOS`; empty for none."""
    return st.session_state.get(_PHOTOS_FOLDER, os.environ.get("HVIT_PHOTOS", ""))


def photos_box_key(place: str) -> str:
    """Key of the photo folder box of a gallery."""
    return f"{place}_photos_folder"


def take_photos_folder(place: str) -> None:
    """Stores the photo folder typed in one gallery for all galleries."""
    st.session_state[_PHOTOS_FOLDER] = st.session_state[photos_box_key(place)].strip()


def opened_tile(gallery: str) -> int | None:
    """Number of the tile of a gallery that is opened; None where none is."""
    found = st.session_state.get(_OPENED_TILE)
    return found[1] if found is not None and found[0] == gallery else None


def open_tile(gallery: str, number: int) -> None:
    """Opens a tile of a gallery."""
    st.session_state[_OPENED_TILE] = (gallery, number)


def close_tile() -> None:
    """Closes the opened tile."""
    st.session_state.pop(_OPENED_TILE, None)
