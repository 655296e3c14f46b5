"""The Batch page: uploader, note, order of the table, opened photo."""

from collections.abc import Sequence

import streamlit as st

from app.state.keys import BATCH, BATCH_FOLDER

_BATCH_INBOX = "_batch_inbox"
_BATCH_SHOWN = "_batch_shown"
_BATCH_NOTE = "_batch_note"
_BATCH_NOTE_SHOWN = "_batch_note_shown"
_BATCH_ORDERS = "_batch_orders"
_BATCH_OPENED = "_batch_opened"
_BATCH_DONE = "_batch_done"
_BATCH_SELECTED = "_batch_selected"
_SHEET_INBOX = "_sheet_inbox"


def batch_inbox_key() -> str:
    """Key of the uploader of the Batch page; a new key empties it."""
    return f"batch_inbox_{st.session_state.get(_BATCH_INBOX, 0)}"


def empty_batch_inbox() -> None:
    """Empties the uploader of the Batch page."""
    st.session_state[_BATCH_INBOX] = st.session_state.get(_BATCH_INBOX, 0) + 1
    st.session_state.pop(BATCH_FOLDER, None)


def choose_batch(name: str | None) -> None:
    """Selects a batch; None for the newest."""
    st.query_params.pop(BATCH, None)
    st.session_state.pop(BATCH, None)
    st.session_state.pop(_BATCH_SHOWN, None)
    if name is not None:
        st.session_state[BATCH] = name


def shown_batch() -> str | None:
    """Name of the batch that was shown last; it may be gone since, deleted in another window."""
    return st.session_state.get(_BATCH_SHOWN)


def set_shown_batch(name: str) -> None:
    """Stores the name of the batch that is shown."""
    st.session_state[_BATCH_SHOWN] = name


def note_on_batch(note: str | None) -> None:
    """Stores a note for the next rerun, such as skipped uploads."""
    st.session_state[_BATCH_NOTE] = note


def take_note_on_batch() -> str | None:
    """Returns the note and clears it."""
    note = st.session_state.pop(_BATCH_NOTE, None)
    st.session_state[_BATCH_NOTE_SHOWN] = note
    return note


def keep_note_on_batch() -> None:
    """Keeps the note shown for a rerun that no user asked for, which would take it away unread."""
    st.session_state.setdefault(_BATCH_NOTE, st.session_state.get(_BATCH_NOTE_SHOWN))


def batch_order(key: str, paths: Sequence[str]) -> list[str]:
    """Photo paths of a table in display order: while rows are selected, the order is kept.

    Args:
        key: of the table; another for other filters.
        paths: the order without that.
    """
    kept = st.session_state.get(_BATCH_ORDERS, {})
    selected = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    order = kept[key] if selected and key in kept else list(paths)
    st.session_state[_BATCH_ORDERS] = {key: order}
    st.session_state[_BATCH_SELECTED] = bool(selected)
    return order


def batch_rows_are_selected() -> bool:
    """Whether rows of the table were selected on the last run."""
    return st.session_state.get(_BATCH_SELECTED, False)


def opened_photo() -> str | None:
    """Path of the opened photo of a batch."""
    return st.session_state.get(_BATCH_OPENED)


def open_photo(path: str | None) -> None:
    """Opens a photo of a batch."""
    st.session_state[_BATCH_OPENED] = path


def scores_seen() -> int | None:
    """Number of scored photos on the last run."""
    return st.session_state.get(_BATCH_DONE)


def set_scores_seen(count: int) -> None:
    """Stores the number of scored photos."""
    st.session_state[_BATCH_DONE] = count


def sheet_inbox_key() -> str:
    """Key of the uploader of a trial's sheet; a new key empties it."""
    return f"sheet_inbox_{st.session_state.get(_SHEET_INBOX, 0)}"


def empty_sheet_inbox() -> None:
    """Empties the uploader of a trial's sheet."""
    st.session_state[_SHEET_INBOX] = st.session_state.get(_SHEET_INBOX, 0) + 1
