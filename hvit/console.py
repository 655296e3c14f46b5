"""Printing that never fails, whatever the console can show."""

import sys


def escape_unprintable() -> None:
    """Has letters that the console lacks (names of classes and files, in any alphabet) printed as escapes.

    A console in an old code page would else end a command in the middle of its answer.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a program replaced it
            stream.reconfigure(errors="backslashreplace")
