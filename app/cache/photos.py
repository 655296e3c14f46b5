"""Photos of a session, each read, rendered or cropped once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.cache.memory import Memory
from app.photos import pictures, rendered_leaves
from app.photos.photo_files import PhotoFile
from hvit.data.leafsim import Address
from hvit.data.photos import InvalidPhotoError, LostPhotoError, decode_photo

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis, PreparedPhoto
    from hvit.runs.checkpoint import Checkpoint

MAX_CACHED_BYTES = 96_000_000  # about thirty phone photos at screen size, with their model inputs


def bytes_of(photo: PhotoFile) -> bytes:
    """Bytes of a photo's file, or of a rendered leaf as PNG.

    Raises:
        InvalidPhotoError: the file has gone since it was listed, or is too large.
    """
    if photo.is_full_rendering:
        return _rendering(str(photo.address)).png
    return photo.read()


@st.cache_resource(max_entries=64, show_spinner=False)
def _rendering(address: str) -> rendered_leaves.Rendering:
    return rendered_leaves.make(Address.parse(address))


def rendering_of(photo: PhotoFile, box: pictures.Box | None = None) -> rendered_leaves.Rendering | None:
    """Ground truth of a rendered leaf, or of the part inside `box`; None for a photo."""
    if photo.address is None:
        return None
    whole = _rendering(str(photo.address))
    return whole if box is None else whole.cut(box)


def as_shown(photo: PhotoFile, box: pictures.Box | None) -> PhotoFile:
    """The photo, or the leaf cropped from it as a photo of its own; errors show in its row."""
    if box is None:
        return photo
    try:
        return _cut_out(photo.key, box, photo)
    except InvalidPhotoError as error:
        return PhotoFile(f"{Path(photo.name).stem} (cut)", f"{photo.key}@{box}: {error}", problem=str(error))


@st.cache_data(max_entries=64, show_spinner=False)
def _cut_out(key: str, box: pictures.Box, _photo: PhotoFile) -> PhotoFile:
    name = Path(_photo.name)
    data = pictures.cut_out(decode_photo(bytes_of(_photo)).pixels, box)
    suffix = "" if _photo.address else ".png"
    return PhotoFile(f"{name.stem} (cut){suffix}", f"{key}@{box}", data, address=_photo.address)


@st.cache_resource(show_spinner=False)
def _memory() -> Memory[PreparedPhoto | InvalidPhotoError]:
    return Memory(MAX_CACHED_BYTES, _size)


def _size(prepared: PreparedPhoto | InvalidPhotoError) -> int:
    if isinstance(prepared, InvalidPhotoError):
        return 1000
    return prepared.pixels.nbytes + sum(part.nbytes for part in prepared.inputs)


def prepared(photo: PhotoFile, checkpoint: Checkpoint) -> PreparedPhoto:
    """Model input of a photo, and its pixels at screen size; decoded once.

    Raises:
        InvalidPhotoError: it cannot be read.
    """
    key = photo.key, checkpoint.preprocessing, repr(checkpoint.spectral)
    found = _memory().get(key, lambda: _prepare(photo, checkpoint))
    if isinstance(found, InvalidPhotoError):
        raise InvalidPhotoError(str(found))
    return found


def _prepare(photo: PhotoFile, checkpoint: Checkpoint) -> PreparedPhoto | InvalidPhotoError:
    from hvit.diagnosis import prepare_photo

    try:
        whole = prepare_photo(checkpoint, bytes_of(photo))
    except LostPhotoError:
        raise  # it may be there again in a moment
    except InvalidPhotoError as error:
        return error.with_traceback(None)  # which would keep the photo's bytes in memory
    shown = pictures.shrunk(whole.pixels, pictures.SHOWN_PX)
    return dataclasses.replace(whole, pixels=shown.copy() if shown.base is not None else shown)


def prepared_or_unreadable(photo: PhotoFile, checkpoint: Checkpoint) -> PreparedPhoto | Diagnosis:
    """The prepared photo, or the diagnosis of an unreadable one."""
    from hvit.diagnosis import unreadable

    try:
        return prepared(photo, checkpoint)
    except InvalidPhotoError as error:
        return unreadable(checkpoint, photo.data if photo.data is not None else photo.path, error)


def whole_photo(photo: PhotoFile) -> np.ndarray:
    """The upright photo at screen size, (H, W, 3) uint8.

    Raises:
        InvalidPhotoError: it cannot be read.
    """
    known = _memory().find(lambda key: key[0] == photo.key)
    if known is not None and not isinstance(known, InvalidPhotoError):
        return known.pixels
    return _whole_photo(photo.key, photo)


@st.cache_data(max_entries=24, show_spinner=False)
def _whole_photo(key: str, _photo: PhotoFile) -> np.ndarray:
    return pictures.shrunk(decode_photo(bytes_of(_photo)).pixels, pictures.SHOWN_PX)
