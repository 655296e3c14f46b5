"""Photos of the session: the list, the one shown large, and its crop box."""

from collections.abc import Iterable

import streamlit as st

from app.photos.photo_files import PhotoFile
from app.photos.pictures import Box
from app.state.keys import CUT_X, CUT_Y, PHOTO, SHOW_AREA, SHOW_MAP, SHOW_TRUTH
from app.state.uploads import forget_folder

_PHOTOS = "_photos"
_COPIES = "_copies"
_POSITION = "_position"
_CUTTING = "_cutting"
_CUTS = "_cuts"
_CONFIRMED = "_confirmed_leaves"


def photos() -> list[PhotoFile]:
    """The photos of the session in order; they survive a change of page."""
    return list(st.session_state.get(_PHOTOS, {}).values())


def add_photos(given: Iterable[PhotoFile]) -> None:
    """Appends photos, identical bytes once, and selects the first new one."""
    known = st.session_state.setdefault(_PHOTOS, {})
    before = len(known)
    for photo in given:
        first = known.setdefault(photo.key, photo)
        if photo.address is None and photo.name != first.name:
            st.session_state.setdefault(_COPIES, {})[photo.name] = first.name
    if len(known) > before:
        choose(before)


def copies() -> dict[str, str]:
    """Names of duplicate files, with the name of the listed one that has the same bytes."""
    return st.session_state.get(_COPIES, {})


def forget_photos() -> None:
    """Removes all photos."""
    for key in (_PHOTOS, _COPIES, _POSITION, _CUTS, _CONFIRMED, _CUTTING):
        st.session_state.pop(key, None)
    forget_folder()


def position() -> int:
    """Index of the photo shown large."""
    return st.session_state.get(_POSITION, 0)


def choose(index: int) -> None:
    """Shows photo number `index` large."""
    st.session_state[_POSITION] = index
    stop_cutting()


def step(by: int) -> None:
    """Selects the next photo (1) or the previous one (-1), cyclically."""
    choose((position() + by) % len(photos()))


def cut(photo: PhotoFile) -> Box | None:
    """Crop box of a photo; None for the full photo."""
    return st.session_state.get(_CUTS, {}).get(photo.key)


def cut_chosen(box: Box | None) -> None:
    """Sets the crop box of the photo shown large; None removes it."""
    st.session_state.setdefault(_CUTS, {})[photos()[position()].key] = box
    stop_cutting()


def is_cutting() -> bool:
    """Whether the crop sliders are open."""
    return st.session_state.get(_CUTTING, False)


def start_cutting() -> None:
    """Opens the crop sliders."""
    st.session_state[_CUTTING] = True


def stop_cutting() -> None:
    """Closes the crop sliders."""
    for key in (_CUTTING, CUT_X, CUT_Y):
        st.session_state.pop(key, None)


def has_box() -> bool:
    """Whether the crop sliders were set since they were opened."""
    return CUT_X in st.session_state


def put_box(box: Box) -> None:
    """Sets the crop sliders to `box`."""
    st.session_state[CUT_X] = (round(100 * box[0]), round(100 * box[2]))
    st.session_state[CUT_Y] = (round(100 * box[1]), round(100 * box[3]))


def box() -> Box:
    """Current box of the crop sliders."""
    (left, right), (top, bottom) = st.session_state[CUT_X], st.session_state[CUT_Y]
    return left / 100, top / 100, right / 100, bottom / 100


def leaf_is_confirmed() -> bool:
    """Whether the user confirmed that the unfamiliar photo shown large is a leaf."""
    return position() in st.session_state.get(_CONFIRMED, set())


def confirm_leaf() -> None:
    """Confirms that the unfamiliar photo shown large is a leaf."""
    st.session_state.setdefault(_CONFIRMED, set()).add(position())


def choose_photo(photo: PhotoFile) -> None:
    """Adds a photo if it is new, and shows it large."""
    add_photos([photo])
    choose(list(st.session_state[_PHOTOS]).index(photo.key))


def menu_follows_photo() -> None:
    """Sets the photo menu to the photo shown large."""
    st.session_state[PHOTO] = position()


def photo_from_menu() -> None:
    """Shows the photo of the menu large."""
    choose(st.session_state[PHOTO])


def shows_truth() -> bool:
    """Whether the outline of the true symptoms is shown on a rendered leaf."""
    return st.session_state.get(SHOW_TRUTH, False)


def shows_map() -> bool:
    """Whether the attention map lies over the photo."""
    return st.session_state.get(SHOW_MAP, False)


def shows_area() -> bool:
    """Whether the outline of the measured symptoms lies over the photo."""
    return st.session_state.get(SHOW_AREA, False)
