"""Sources of photos: uploader, folder field, rendered leaves; the run and the crop."""

import streamlit as st

from app.state.keys import CROP, CROP_MENU, FOLDER, RUN

_INBOX = "_inbox"
_FOLDER_PROBLEM = "_folder_problem"
_FOLDER_NOTE = "_folder_note"
_NEXT_DRAWN = "_next_drawn"


def choose_run(name: str) -> None:
    """Selects the run of this name."""
    st.session_state[RUN] = name


def next_rendered() -> int:
    """Index of the first rendered leaf that was not shown yet."""
    return st.session_state.get(_NEXT_DRAWN, 0)


def set_next_rendered(index: int) -> None:
    """Sets the index of the first rendered leaf that was not shown yet."""
    st.session_state[_NEXT_DRAWN] = index


def set_crop(crop: str) -> None:
    """Selects a crop."""
    st.session_state[CROP] = crop


def crop_from_menu() -> None:
    """Copies the drop-down of the phone to the chips, which hold the value."""
    set_crop(st.session_state[CROP_MENU])


def menu_follows_chips() -> None:
    """Copies the chips to the drop-down of the phone."""
    st.session_state[CROP_MENU] = st.session_state[CROP]


def inbox_key() -> str:
    """Key of the uploader. A new key empties it; uploads are stored in `photos`."""
    return f"inbox_{st.session_state.get(_INBOX, 0)}"


def inbox() -> list:
    """Files in the uploader."""
    return st.session_state[inbox_key()]


def empty_inbox() -> None:
    """Empties the uploader."""
    st.session_state[_INBOX] = st.session_state.get(_INBOX, 0) + 1


def folder() -> str:
    """Text of the folder field."""
    return st.session_state[FOLDER]


def folder_problem() -> str | None:
    """Error of the last folder."""
    return st.session_state.get(_FOLDER_PROBLEM)


def folder_note() -> str | None:
    """Note on skipped files of the last folder."""
    return st.session_state.get(_FOLDER_NOTE)


def set_folder_note(note: str | None) -> None:
    """Sets the note on skipped files."""
    st.session_state[_FOLDER_NOTE] = note


def forget_folder() -> None:
    """Clears the folder field and its messages."""
    for key in (FOLDER, _FOLDER_PROBLEM, _FOLDER_NOTE):
        st.session_state.pop(key, None)


def set_folder_problem(message: str | None) -> None:
    """Sets the error of the last folder."""
    st.session_state[_FOLDER_PROBLEM] = message
