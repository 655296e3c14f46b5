"""The model family in numbers, and its speed on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.runs import inference

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.speed.benchmark import Timing

IMG_SIZE, PASSES = 224, 10


@st.cache_data(show_spinner=False)
def sizes() -> list[dict]:
    """Rows of `hvit models --json`."""
    from hvit.models.counting import count

    return count(IMG_SIZE)


def threads() -> list[int]:
    """Thread counts to measure: one, and two where the machine has as many cores."""
    return [1, 2][: os.cpu_count() or 1]


def cores() -> int:
    """Cores of this machine."""
    return os.cpu_count() or 1


def latencies() -> dict[tuple[str, int], Timing]:
    """Measurements since the server started, by name and threads, shared by all sessions."""
    return _latencies()


@st.cache_resource(show_spinner=False)
def _latencies() -> dict[tuple[str, int], Timing]:
    return {}


def measure(names: Sequence[str], progress: Callable[[int, int], None]) -> None:
    """Measures some sizes again, one photo at a time; nothing else is computed meanwhile.

    Args:
        progress: called with the passes done and their number.
    """
    from hvit.speed.benchmark import Setting, measure

    each, done = PASSES + 1, 0
    for name in names:
        for count in threads():
            setting = Setting("infer", "cpu", "fp32", False, count, 1, IMG_SIZE)
            with inference:
                [timing] = measure(
                    [name],
                    setting,
                    PASSES,
                    0.0,
                    lambda part, _, done=done: progress(done + part, each * len(names) * len(threads())),
                )
            _latencies()[name, count] = timing
            done += each
