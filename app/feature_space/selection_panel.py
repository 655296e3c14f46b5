"""Panel of the selection of the Feature space page: accuracy, classes, gallery; one leaf with its neighbors."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from app import state
from app.feature_space import words
from app.feature_space.selection import Summary, shown_first, summarize
from app.gallery import Tile, gallery
from app.widgets import plain, sentence
from hvit.csv_tables import to_csv
from hvit.feature_space.mapped_samples import MappedSamples
from hvit.runs.snapshot import RunSnapshot
from hvit.words import label_title


def selection_panel(
    record: RunSnapshot, samples: MappedSamples, second: RunSnapshot | None, second_samples: MappedSamples | None
) -> None:
    rows = samples.rows_of(state.selected_samples())
    if not len(rows):
        _before_selection(samples)
        return
    if len(rows) == 1:
        _one_leaf(record, samples, int(rows[0]))
        return
    summary = summarize(samples, rows)
    st.html(f'<p class="summary" role="status">{words.selected_share(len(rows), len(samples.map))}</p>')
    with st.container(key="space_numbers"):
        _numbers(record, summary, samples, second, second_samples)
    with st.container(key="space_gallery"):
        tiles = [sample_tile(samples, int(row)) for row in shown_first(samples, rows)]
        gallery(tiles, "selected", record.name, record.classes)


def _before_selection(samples: MappedSamples) -> None:
    """Instructions, and the accuracy over all samples."""
    summary = summarize(samples, np.arange(len(samples.map)))
    st.html(
        f'<div class="hint"><p>{html.escape(words.HOW_TO)}</p>'
        f'<p class="standing">All {summary.n:,}: {words.accuracy(summary)}.</p></div>'
    )
    if name := state.found_class():
        ids = samples.map.sample_ids[samples.labels == name].tolist()
        if ids:
            st.button(
                f"Select all {len(ids):,} of {plain(label_title(name))}", on_click=state.select_samples, args=(ids,)
            )


def _numbers(
    record: RunSnapshot,
    summary: Summary,
    samples: MappedSamples,
    second: RunSnapshot | None,
    second_samples: MappedSamples | None,
) -> None:
    if second_samples is None:
        sentence(f"{words.accuracy(summary)}.", "below")
    else:
        sentence(f"{record.name}: {words.accuracy(summary)}.", "below")
        shared = second_samples.rows_of(state.selected_samples())
        if len(shared):
            sentence(f"{second.name}: {words.accuracy(summarize(second_samples, shared))}.", "below")
    if text := words.confusion(summary):
        sentence(text, "standing")
    lines = "".join(
        f"<tr><td>{html.escape(label_title(name))}</td><td>{n:,}</td><td>{right:,}</td></tr>"
        for name, n, right in summary.classes
    )
    st.html(
        '<div class="map-classes"><table><thead><tr><th>what they are</th><th>n</th><th>correct</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )
    with st.container(horizontal=True):
        rows = samples.rows_of(state.selected_samples())
        st.download_button(
            "CSV",
            lambda: to_csv([samples.csv_row(int(row)) for row in rows]),
            "selection.csv",
            "text/csv",
            on_click="ignore",
        )
        st.button("Select nothing", type="tertiary", on_click=state.select_samples, args=((),))


def _one_leaf(record: RunSnapshot, samples: MappedSamples, row: int) -> None:
    """One sample and its neighbors in feature space, with their distance on the map."""
    st.html('<p class="summary" role="status">One leaf, and the nearest to it in feature space</p>')
    tiles = [sample_tile(samples, row)]
    for other, distance in zip(samples.map.neighbors[row], samples.map.distances[row]):
        tiles.append(sample_tile(samples, int(other), words.distance(float(distance))))
    gallery(tiles, "neighbors", record.name, record.classes)
    st.button("Select nothing", type="tertiary", on_click=state.select_samples, args=((),))


def sample_tile(samples: MappedSamples, row: int, more: str = "") -> Tile:
    line = words.tile_line(samples, row) + (f"; {more}" if more else "")
    return Tile(
        samples.paths[row], samples.sha256[row], label_title(samples.labels[row]), line, label=str(samples.labels[row]),
        predicted=str(samples.predicted[row]), probability=float(samples.confidence[row]),
    )  # fmt: skip
