"""Panels of the Feature space page: the map, the selection, and the user's photos."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.cache import maps
from app.feature_space import groups, words
from app.feature_space.cached_figure import map_figure
from app.feature_space.photo_panel import (
    model_of,
    neighbors_of_photo,
    photo_inputs_panel,
    photo_marker,
    photo_panel,
    place_photo,
)
from app.feature_space.selection_panel import selection_panel
from app.figures.feature_map import BESIDE_PX, HEIGHT_PX, Group, Marker
from app.photos.photo_files import PhotoFile
from app.widgets import plain
from hvit.feature_space.mapped_samples import MappedSamples, embed_command
from hvit.runs.snapshot import RunSnapshot
from hvit.words import class_title

NO_RUN, NO_CLASS, NO_PHOTO = "none", "none", "none"
DRAWING, CLICKING = "Drawing around leaves", "Clicking on one"
TOOLBAR = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtons": [["lasso2d", "select2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]],
}
SYMBOLS = {"circle": "\u25cf", "circle-open": "\u25cb"}


def introduction() -> None:
    """Title and description of the page."""
    st.html(f'<div><h1>Feature space</h1><p class="below">{html.escape(words.INTRODUCTION)}</p></div>')


def nothing_recorded(records: Sequence[RunSnapshot]) -> None:
    """The page while no run has recorded predictions."""
    st.subheader("No run has recorded predictions yet.")
    st.write("Record those of one, and make its map:")
    name = widgets.example_run(records)
    st.code(f"{widgets.EVALUATED.command_for(name)}\n{embed_command(name)}", language="bash")


def no_map(record: RunSnapshot) -> None:
    """Run without a map: the command that makes one."""
    widgets.notice(words.no_map(record.name))
    st.code(embed_command(record.name), language="bash")


def choose_runs(recorded: Sequence[RunSnapshot]) -> tuple[RunSnapshot, str | None, RunSnapshot | None]:
    """Selects the run, the split of its map (None where it has none), and a second run."""
    mapped = {record.name: maps.mapped_splits(record) for record in recorded}
    names = sorted(mapped, key=lambda name: (not mapped[name], name))
    known = {record.name: record for record in recorded}
    name = widgets.choose_shared("Run", names, state.RUN, on_change=state.draw_selection)
    splits = list(mapped[name])
    if not splits:
        return known[name], None, None
    split = splits[0]
    if len(splits) > 1:
        split = widgets.choose_shared("Split", splits, state.SPLIT, on_change=state.draw_selection)
    others = [other for other in names if other != name and split in mapped[other]]
    if not others:
        return known[name], split, None
    options = [NO_RUN, *others]
    state.keep_among(state.BESIDE, options)
    second = st.selectbox(
        "Compare with", options, key=state.BESIDE, bind="query-params", on_change=state.draw_selection
    )
    return known[name], split, known.get(second)


@st.fragment
def explore(
    record: RunSnapshot, samples: MappedSamples, second: RunSnapshot | None, second_samples: MappedSamples | None
) -> None:
    """Everything below the choice of runs; a selection reruns only this fragment."""
    colors = theme.palette(st.context.theme.type)
    with st.container(key="space_controls"):
        mode, highlight, photo, by_click = _controls(record, samples)
    place = None if photo is None else place_photo(photo, record, samples)
    with st.container(key="space_body"):
        drawn_as = mode, highlight, by_click, colors
        with st.container(key="space_map"):
            marker = None if place is None else photo_marker(photo, place)
            _map(state.MAP, record, samples, *drawn_as, marker, has_neighbor=second_samples is not None)
        if second_samples is not None:
            with st.container(key="space_beside"):
                _map(state.MAP_BESIDE, second, second_samples, *drawn_as)
        with st.container(key="space_selection"):
            if place is not None:
                with st.container(key="space_photo"):
                    photo_panel(photo, place, samples)
            selection_panel(record, samples, second, second_samples)
    if place is not None:
        with st.container(key="space_photo_neighbors"):
            neighbors_of_photo(record, place, samples)
    with st.container(key="space_foot"):
        photo_inputs_panel(record)
        _trust(record, samples, second, second_samples)


def _controls(record: RunSnapshot, samples: MappedSamples) -> tuple[str, str | None, PhotoFile | None, bool]:
    modes = groups.modes(samples)
    state.keep_among(state.COLOR, modes)
    mode = st.pills(
        "Color",
        modes,
        default=modes[0],
        required=True,
        key=state.COLOR,
        format_func=groups.TITLES.get,
        bind="query-params",
        on_change=state.draw_selection,
    )
    options = [NO_CLASS, *sorted(set(samples.labels), key=class_title)]
    state.keep_among(state.CLASS, options)
    highlight = st.selectbox(
        "Find a class",
        options,
        key=state.CLASS,
        format_func=lambda name: "All classes" if name == NO_CLASS else class_title(name),
        bind="query-params",
        on_change=state.draw_selection,
    )
    # Streamlit reports no click on a point in lasso mode.
    select_by = st.selectbox("Select by", [DRAWING, CLICKING], key=state.SELECT_BY, on_change=state.draw_selection)
    photos = {photo.key: photo for photo in state.photos()}
    chosen = NO_PHOTO
    if photos and model_of(record) is not None:
        keys = [NO_PHOTO, *photos]
        state.keep_among(state.MAP_PHOTO, keys)
        chosen = st.selectbox(
            "Your photo",
            keys,
            key=state.MAP_PHOTO,
            format_func=lambda key: "None" if key == NO_PHOTO else photos[key].name,
            on_change=state.draw_selection,
        )
    return mode, None if highlight == NO_CLASS else highlight, photos.get(chosen), select_by == CLICKING


def _map(
    which: str,
    record: RunSnapshot,
    samples: MappedSamples,
    mode: str,
    highlight: str | None,
    by_click: bool,
    colors: theme.Palette,
    marker: Marker | None = None,
    has_neighbor: bool = True,
) -> None:
    """Draws one of `state.MAPS`; a selection is shown on both."""
    if mode not in groups.modes(samples):
        mode = groups.modes(samples)[0]
    height_px, selected = BESIDE_PX if has_neighbor else HEIGHT_PX, state.selected_when_drawn(which)
    figure, found = map_figure(samples, mode, highlight, selected, marker, by_click, colors, height_px)
    if has_neighbor:
        st.html(f'<p class="summary">{html.escape(record.name)}</p>')
    st.plotly_chart(
        figure,
        key=state.map_key(which),
        config=TOOLBAR,
        on_select=partial(state.select_on_map, which, samples.map.sample_ids.tolist()),
        selection_mode=("points", "box", "lasso"),
        alt=f"Map of {len(samples.map):,} leaves by the features of {record.name}; what is on it is listed below",
    )
    _legend(found, samples)


def _legend(found: Sequence[Group], samples: MappedSamples) -> None:
    """Legend with counts; for a selection also the count of each group in it."""
    selected = samples.rows_of(state.selected_samples())
    rows = []
    for group in found:
        n = len(group.rows)
        if not n:
            continue
        count = f"{np.isin(group.rows, selected).sum():,} / {n:,}" if len(selected) else f"{n:,}"
        symbol = SYMBOLS[group.symbol]
        rows.append(
            f'<li><i style="color:{group.color}">{symbol}</i>{html.escape(group.title)} <span>{count}</span></li>'
        )
    st.html(f'<ul class="map-legend">{"".join(rows)}</ul>')


def _trust(
    record: RunSnapshot, samples: MappedSamples, second: RunSnapshot | None, second_samples: MappedSamples | None
) -> None:
    with st.expander("What this map can tell, and what it cannot"):
        for text in words.limits():
            st.write(plain(text))
        for text in words.quality(samples.map, record.name):
            st.write(plain(text))
        if second_samples is not None:
            for text in words.quality(second_samples.map, second.name):
                st.write(plain(text))
