"""The photos of a session, read, drawn or cut out once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from app import drawn, pictures
from app.photo_files import PhotoFile
from hvit.data.leafsim import Address
from hvit.data.photos import decode_photo


def bytes_of(photo: PhotoFile) -> bytes:
    """The bytes of a photo's file, or of a drawn leaf as PNG."""
    if photo.address is not None and photo.data is None:
        return _drawing(str(photo.address)).png
    try:
        return photo.read()
    except OSError:
        return b""  # gone since it was listed: read as an empty file, which its row then says


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawing(address: str) -> drawn.Drawing:
    return drawn.make(Address.parse(address))


def drawing_of(photo: PhotoFile, box: pictures.Box | None = None) -> drawn.Drawing | None:
    """The truth about a drawn leaf, or about the part of it inside `box`; None for a photo."""
    if photo.address is None:
        return None
    whole = _drawing(str(photo.address))
    return whole if box is None else whole.cut(box)


def as_shown(photo: PhotoFile, box: pictures.Box | None) -> PhotoFile:
    """The photo, or the leaf cut out of it as a photo of its own."""
    return photo if box is None else _cut_out(photo.key, box, photo)


@st.cache_data(max_entries=64, show_spinner=False)
def _cut_out(key: str, box: pictures.Box, _photo: PhotoFile) -> PhotoFile:
    name = Path(_photo.name)
    data = pictures.cut_out(decode_photo(bytes_of(_photo)).pixels, box)
    suffix = "" if _photo.address else ".png"
    return PhotoFile(f"{name.stem} (cut){suffix}", f"{key}@{box}", data, address=_photo.address)


@st.cache_data(max_entries=24, show_spinner=False)
def _whole_photo(key: str, _photo: PhotoFile) -> np.ndarray:
    return pictures.shrunk(decode_photo(bytes_of(_photo)).pixels, pictures.SHOWN_PX)


def whole_photo(photo: PhotoFile) -> np.ndarray:
    """The upright photo at screen size, (H, W, 3) uint8, to choose a leaf in."""
    return _whole_photo(photo.key, photo)
