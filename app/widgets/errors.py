"""Errors of a user, shown as a sentence in the place of a traceback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from app import state
from app.widgets.text import notice


@contextmanager
def user_errors_shown() -> Iterator[None]:
    """Context manager that shows user errors as a sentence and stops the page."""
    try:
        yield
    except ValueError as error:
        notice(str(error))
        st.stop()


@contextmanager
def errors_noted() -> Iterator[None]:
    """Context manager for callbacks: the message of a user error is shown as a note after the rerun."""
    try:
        yield
    except ValueError as error:
        state.note_on_batch(str(error))


def call_noting_errors(callback: Callable[..., None], *args) -> None:
    """Calls a callback within `errors_noted`."""
    with errors_noted():
        callback(*args)
