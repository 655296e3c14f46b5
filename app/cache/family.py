"""The model family in numbers, and how fast it is on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app.cache.records import Record
from app.cache.runs import inference

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.models.counting import Cost
    from hvit.models.latency import Latency

IMG_SIZE = 224


@st.cache_data(show_spinner=False)
def sizes() -> list[dict]:
    """What `hvit models --json` prints."""
    from hvit.models.counting import count

    return count(IMG_SIZE)


def cost_of(record: Record) -> Cost | None:
    """Parameters and multiply-accumulates of a run's model at the size it is served with; None where it has no card."""
    card = record.card or {}
    if not {"architecture", "arguments", "preprocessing"} <= set(card):
        return None
    return _cost(card["architecture"], card["arguments"], card["preprocessing"]["img_size"])


@st.cache_data(max_entries=256, show_spinner=False)
def _cost(architecture: str, arguments: dict, img_size: int) -> Cost:
    from hvit.models.counting import cost_of

    return cost_of(architecture, arguments, img_size)


def threads() -> list[int]:
    """One, and two where the machine has as many cores."""
    return [1, 2][: os.cpu_count() or 1]


def cores() -> int:
    """Of this machine."""
    return os.cpu_count() or 1


def latencies() -> dict[tuple[str, int], Latency]:
    """What was measured since the dashboard started, by name and threads; the same for all who look."""
    return _latencies()


@st.cache_resource(show_spinner=False)
def _latencies() -> dict[tuple[str, int], Latency]:
    return {}


def measure(names: Sequence[str], progress: Callable[[int, int], None]) -> None:
    """Measures some sizes anew, one photo at a time; nothing else is computed meanwhile.

    Args:
        progress: called with the passes done and their number.
    """
    from hvit.models.latency import PASSES, WARM_UP, measure

    each = (WARM_UP + PASSES) * len(threads())
    for row, name in enumerate(names):
        with inference:
            found = measure(
                name, threads(), IMG_SIZE, lambda done, _, row=row: progress(row * each + done, len(names) * each)
            )
        _latencies().update({(one.name, one.threads): one for one in found})
