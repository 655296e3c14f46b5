"""Metrics, pictures and a progress bar."""

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import streamlit as st

from app.photos import pictures, rendered_leaves


def metrics(cells: Sequence[tuple[str, str, str]]) -> None:
    """Row of metrics: label, value and note."""
    parts = (
        f"<div><dt>{html.escape(name)}</dt><dd><b>{html.escape(value)}</b><span>{html.escape(note)}</span></dd></div>"
        for name, value, note in cells
    )
    st.html(f'<dl class="figures">{"".join(parts)}</dl>')


def picture(pixels: np.ndarray, alt: str, is_rendered: bool, key: str = "picture") -> None:
    """Image at full width; rendered leaves are labeled. Two images on a page need different keys."""
    with st.container(key=key):
        st.image(pictures.jpeg(pixels), width="stretch", alt=alt)
        if is_rendered:
            st.html(f'<p class="drawn-tag">{rendered_leaves.TAG}</p>')


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar, shown from the first report of (done, total) to the end."""
    place = st.empty()
    try:
        yield lambda done, total: place.progress(done / total, f"{what}: {done} of {total}")
    finally:
        place.empty()
