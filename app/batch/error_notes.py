"""User errors in callbacks of the Batch page, shown as a note when the page is drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app import state


@contextmanager
def errors_noted() -> Iterator[None]:
    """Context manager that stores the message of a `ValueError` as the note of the page."""
    try:
        yield
    except ValueError as error:
        state.note_on_batch(str(error))


def call_noting_errors(callback: Callable[..., None], *args) -> None:
    """Calls a callback within `errors_noted`."""
    with errors_noted():
        callback(*args)
