"""Gallery of samples with captions, used wherever a page selects samples."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import state, widgets
from app.cache import samples

TILES_A_PAGE = 12


@dataclass(frozen=True)
class Tile:
    """One sample.

    Attributes:
        path, sha256: as the run recorded them.
        title: in bold under the image, such as its class.
        line: below the title, such as the prediction.
        href: where a click leads, in a new tab; None for nowhere.
    """

    path: str
    sha256: str | None
    title: str
    line: str = ""
    href: str | None = None


def gallery(tiles: Sequence[Tile], key: str) -> None:
    """Shows samples, twelve a page; where photos are missing, captions only and a box for the folder.

    Args:
        key: unique for each gallery of a page.
    """
    num_pages = -(-len(tiles) // TILES_A_PAGE)
    page = st.pagination(num_pages, key=f"{key}_page") if num_pages > 1 else 1
    shown = tiles[(page - 1) * TILES_A_PAGE : page * TILES_A_PAGE]
    photos = {} if all(samples.is_drawn(tile.path) for tile in shown) else _photos()
    pictures = [samples.picture(tile.path, tile.sha256, photos) for tile in shown]
    figures = "".join(_figure(tile, picture) for tile, picture in zip(shown, pictures))
    st.html(f'<div class="gallery">{figures}</div>')
    if any(picture is None for picture in pictures):
        ask_for_photos_folder(key)


def ask_for_photos_folder(key: str) -> None:
    """Text box for the folder with the photos of a run that ships without them."""
    st.text_input(
        "The photos of this run are not shipped (licence). Where is your copy?",
        value=state.photos_folder(),
        placeholder="~/leaf-photos",
        key=state.photos_box_key(key),
        on_change=_look_into,
        args=(key,),
    )


def _look_into(key: str) -> None:
    samples.forget_photos_in()
    state.take_photos_folder(key)


def _photos() -> dict[str, Path]:
    """Index of the photo folder; an error is shown and the page continues."""
    with widgets.progress("Looking for photos") as show:
        try:
            return samples.photos_in(state.photos_folder(), show)
        except ValueError as error:
            widgets.notice(str(error))
            return {}


def _figure(tile: Tile, picture: bytes | None) -> str:
    title, line = html.escape(tile.title), html.escape(tile.line)
    if picture is None:
        seen = '<div class="no-picture">no picture here</div>'
    else:
        seen = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
    if tile.href is not None:
        seen = f'<a href="{html.escape(tile.href)}" target="_blank">{seen}</a>'
    return f"<figure>{seen}<figcaption><b>{title}</b><span>{line}</span></figcaption></figure>"
