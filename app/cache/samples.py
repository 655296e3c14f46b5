"""Images of the samples of a run: leaves are rendered again, photos found by their hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.photos import pictures
from hvit.data.leafsim import Address, render
from hvit.data.leafsim.address import SCHEME
from hvit.data.photo_index import index_photos
from hvit.data.photos import InvalidPhotoError, read_photo
from hvit.files import typed_folder

TILE_PX = 192


def is_rendered(path: str) -> bool:
    """Whether the path of a sample is the address of a rendered leaf."""
    return path.startswith(SCHEME)


def photos_in(folder: str, show: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Path]:
    """Photos below a folder by SHA-256; empty without a folder.

    Raises:
        ValueError: there is no such folder, or no photo in it.
    """
    known = _photos_by_folder()
    if folder and folder not in known:
        known[folder] = index_photos(typed_folder(folder), show)
    return known.get(folder, {})


# Streamlit caches this dictionary, not the index: a cached function may not draw a progress bar.
@st.cache_resource(show_spinner=False)
def _photos_by_folder() -> dict[str, dict[str, Path]]:
    return {}


def clear_photo_index() -> None:
    """Clears the index of photo folders."""
    _photos_by_folder.clear()


def picture(path: str, sha256: str | None, photos: dict[str, Path]) -> bytes | None:
    """JPEG thumbnail of a sample; None where its photo is not in `photos`.

    Args:
        path: as the run recorded it: an address of LeafSim, or a path within a data set.
        sha256: of the photo's file.
        photos: of `photos_in`.
    """
    if is_rendered(path):
        return _rendered_sample(path)
    found = photos.get(sha256)
    return None if found is None else _read(str(found), sha256)


@st.cache_data(max_entries=2000, show_spinner=False)
def _rendered_sample(address: str) -> bytes:
    return pictures.jpeg(render(Address.parse(address), TILE_PX).picture)


@st.cache_data(max_entries=2000, show_spinner=False)
def _read(path: str, sha256: str) -> bytes | None:
    try:
        return pictures.jpeg(pictures.shrunk(read_photo(Path(path)).pixels, TILE_PX))
    except InvalidPhotoError:
        return None  # moved or changed since it was found: shown as absent
