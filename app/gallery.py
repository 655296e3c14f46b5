"""Gallery of samples with captions, for every page that selects samples."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from app import state, widgets
from app.cache import samples
from app.cache.reviews import reviews_of, sample_reviews_of
from app.photos.photo_files import PhotoFile
from app.reviewing import words
from app.reviewing.sample_dialog import Sample, Shown, plain_photo, review_dialog
from app.reviewing.training import train_on_labels
from hvit.batches.sample_reviews import reviews_by_photo

TILES_A_PAGE = 12


@dataclass(frozen=True)
class Tile:
    """One sample.

    Attributes:
        path, sha256: as the run recorded them.
        title: in bold under the image, such as its class.
        line: below the title, such as the prediction.
        label: class of the sample in its data set; empty where that is not known.
        predicted, probability: the first class of the run; empty and None where it has no answer.
    """

    path: str
    sha256: str | None
    title: str
    line: str = ""
    label: str = ""
    predicted: str = ""
    probability: float | None = None


def gallery(
    tiles: Sequence[Tile],
    key: str,
    run: str,
    classes: Sequence[str],
    show: Callable[[PhotoFile], Shown] = plain_photo,
) -> None:
    """Grid of samples, twelve a page; each opens large, to be explained in Attention or marked.

    Where images are not available, a text field asks for the folder of the photos.

    Args:
        key: unique for each gallery of a page.
        run: of the samples; their reviews are stored by run.
        classes: that a sample can be labeled as, besides those a reviewer types.
        show: makes the large image of a sample.
    """
    shown, pictures, photos = _page_of(tiles, key)
    with widgets.user_errors_shown():
        reviews = reviews_of(sample_reviews_of(run))
    kept = reviews_by_photo(reviews)
    seen: list[Sample] = []
    with st.container(key=f"gallery_{key}"):
        for number, (tile, picture) in enumerate(zip(shown, pictures)):
            with st.container(key=f"tile_{key}_{number}"):
                st.html(_figure(tile, picture, words.decisions(kept.get(tile.sha256 or "", {}).values())))
                if picture is not None:
                    opened = partial(state.open_tile, key, len(seen))
                    st.button("Look closer", type="tertiary", key=f"open_tile_{key}_{number}", on_click=opened)
                    seen.append(_sample(tile, photos))
    _ask_where_missing(pictures, key)
    train_on_labels(sample_reviews_of(run), reviews, run)
    if state.opened_tile(key) is not None:
        review_dialog(key, seen, run, classes, show)


def _page_of(tiles: Sequence[Tile], key: str) -> tuple[list[Tile], list[bytes | None], dict[str, Path]]:
    """Tiles of the current page, their images, and the available photos by hash."""
    num_pages = -(-len(tiles) // TILES_A_PAGE)
    page = st.pagination(num_pages, key=f"{key}_page") if num_pages > 1 else 1
    shown = list(tiles[(page - 1) * TILES_A_PAGE : page * TILES_A_PAGE])
    photos = {} if all(samples.is_rendered(tile.path) for tile in shown) else _photos()
    return shown, [samples.picture(tile.path, tile.sha256, photos) for tile in shown], photos


def _ask_where_missing(pictures: Sequence[bytes | None], key: str) -> None:
    if any(picture is None for picture in pictures):
        ask_for_photos_folder(key)


def _sample(tile: Tile, photos: Mapping[str, Path]) -> Sample:
    file = None if samples.is_rendered(tile.path) else photos[tile.sha256]
    line = f"{tile.title}, {tile.line}" if tile.line else tile.title
    return Sample(tile.path, tile.sha256, file, line, tile.label, tile.predicted, tile.probability)


def ask_for_photos_folder(key: str) -> None:
    """Text field for the folder with the photos of a run that ships without them."""
    st.text_input(
        "The photos of this run are not shipped (licence). Where is your copy?",
        value=state.photos_folder(),
        placeholder="~/leaf-photos",
        key=state.photos_box_key(key),
        on_change=_index_folder,
        args=(key,),
    )


def _index_folder(key: str) -> None:
    samples.clear_photo_index()
    state.take_photos_folder(key)


def _photos() -> dict[str, Path]:
    """Available photos by hash; a folder without any is an error message, and the page continues."""
    with widgets.progress("Looking for photos") as show:
        try:
            return samples.photos_in(state.photos_folder(), show)
        except ValueError as error:
            widgets.notice(str(error))
            return {}


def _figure(tile: Tile, picture: bytes | None, marked: str = "") -> str:
    title, line = html.escape(tile.title), html.escape(tile.line)
    if picture is None:
        seen = '<div class="no-picture">no picture here</div>'
    else:
        seen = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
    more = f'<span class="marked">{html.escape(marked)}</span>' if marked else ""
    return f"<figure>{seen}<figcaption><b>{title}</b><span>{line}</span>{more}</figcaption></figure>"
