"""Panels of the Feature space page: the map, the selection, and the user's photos."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from app import photo_inputs, state, theme, widgets
from app.cache import maps
from app.cache.photos import whole_photo
from app.cache.runs import diagnosing_runs, load_model
from app.feature_space import groups, words
from app.feature_space.cached_figure import map_figure
from app.feature_space.selection import Summary, shown_first, summarize
from app.figures.feature_map import BESIDE_PX, HEIGHT_PX, Group, Marker
from app.gallery import Tile, gallery
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from app.widgets import plain, sentence
from hvit.csv_tables import to_csv
from hvit.feature_space.mapped_samples import MappedSamples, PlacedPhoto, embed_command
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


def nothing_recorded() -> None:
    """The page while no run has recorded predictions."""
    st.subheader("No run has recorded predictions yet.")
    st.write("Record those of one, and make its map:")
    st.code("python -m hvit evaluate --run RUN --data path/to/photos --save\n" + embed_command("RUN"), language="bash")


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
    beside = st.selectbox(
        "Compare with", options, key=state.BESIDE, bind="query-params", on_change=state.draw_selection
    )
    return known[name], split, known.get(beside)


@st.fragment
def explore(
    record: RunSnapshot, samples: MappedSamples, beside: RunSnapshot | None, others: MappedSamples | None
) -> None:
    """Everything below the choice of runs; a selection reruns only this fragment."""
    colors = theme.palette(st.context.theme.type)
    with st.container(key="space_controls"):
        mode, highlight, photo, by_click = _controls(record, samples)
    place = None if photo is None else _placed(photo, record, samples)
    with st.container(key="space_body"):
        drawn_as = mode, highlight, by_click, colors
        with st.container(key="space_map"):
            marker = None if place is None else _marker(photo, place)
            _map(state.MAP, record, samples, *drawn_as, marker, has_neighbor=others is not None)
        if others is not None:
            with st.container(key="space_beside"):
                _map(state.MAP_BESIDE, beside, others, *drawn_as)
        with st.container(key="space_selection"):
            if place is not None:
                with st.container(key="space_photo"):
                    _photo(photo, place, samples)
            _selection(record, samples, beside, others)
    if place is not None:
        with st.container(key="space_photo_neighbors"):
            _neighbors_of_photo(record, place, samples)
    with st.container(key="space_foot"):
        _own_photos(record)
        _trust(record, samples, beside, others)


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
    if photos and _model_of(record) is not None:
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


def _model_of(record: RunSnapshot) -> RunSnapshot | None:
    """The checkpoint of the run; None where its weights are missing."""
    return next((run for run in diagnosing_runs() if run.name == record.name), None)


def _placed(photo: PhotoFile, record: RunSnapshot, samples: MappedSamples) -> PlacedPhoto | None:
    refined = state.is_refined(photo)
    try:
        with st.spinner("Placing the photo by t-SNE" if refined else "Looking at the photo"):
            return maps.placed(photo, load_model(_model_of(record)), samples, refined)
    except ValueError as error:
        widgets.notice(f"{photo.name}: {error}")
        return None


def _marker(photo: PhotoFile, placed: PlacedPhoto) -> Marker:
    at = placed.place
    return Marker(at.x, at.y, f"<b>{html.escape(photo.name)}</b>", placed.unfamiliar, tuple(at.neighbors.tolist()))


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


def _selection(
    record: RunSnapshot, samples: MappedSamples, beside: RunSnapshot | None, others: MappedSamples | None
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
        _numbers(record, summary, samples, beside, others)
    with st.container(key="space_gallery"):
        tiles = [_tile(samples, int(row)) for row in shown_first(samples, rows)]
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
            st.button(f"Select all {len(ids):,} of {class_title(name)}", on_click=state.select_samples, args=(ids,))


def _numbers(
    record: RunSnapshot,
    summary: Summary,
    samples: MappedSamples,
    beside: RunSnapshot | None,
    others: MappedSamples | None,
) -> None:
    if others is None:
        sentence(f"{words.accuracy(summary)}.", "below")
    else:
        sentence(f"{record.name}: {words.accuracy(summary)}.", "below")
        shared = others.rows_of(state.selected_samples())
        if len(shared):
            sentence(f"{beside.name}: {words.accuracy(summarize(others, shared))}.", "below")
    if text := words.confusion(summary):
        sentence(text, "standing")
    lines = "".join(
        f"<tr><td>{html.escape(class_title(name))}</td><td>{n:,}</td><td>{right:,}</td></tr>"
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
    tiles = [_tile(samples, row)]
    for other, distance in zip(samples.map.neighbors[row], samples.map.distances[row]):
        tiles.append(_tile(samples, int(other), words.distance(float(distance))))
    gallery(tiles, "neighbors", record.name, record.classes)
    st.button("Select nothing", type="tertiary", on_click=state.select_samples, args=((),))


def _tile(samples: MappedSamples, row: int, more: str = "") -> Tile:
    line = words.tile_line(samples, row) + (f"; {more}" if more else "")
    return Tile(
        samples.paths[row], samples.sha256[row], class_title(samples.labels[row]), line, label=str(samples.labels[row]),
        predicted=str(samples.predicted[row]), probability=float(samples.confidence[row]),
    )  # fmt: skip


def _photo(photo: PhotoFile, placed: PlacedPhoto, samples: MappedSamples) -> None:
    """A photo of the user on the map, and the reliability of its position."""
    refined = state.is_refined(photo)
    st.image(pictures.jpeg(pictures.shrunk(whole_photo(photo), 320)), width="stretch", alt="Your photo")
    with st.container(key="space_photo_words"):
        st.html(f'<p class="summary">{html.escape(photo.name)}</p>')
        if placed.unfamiliar:
            sentence(words.unfamiliar(placed, samples.ood_threshold), "notice")
        else:
            sentence(words.answer(placed), "below")
        sentence(words.position(refined), "standing")
        if not refined:
            st.button("Refine the position", type="tertiary", on_click=state.refine, args=(photo,))


def _neighbors_of_photo(record: RunSnapshot, placed: PlacedPhoto, samples: MappedSamples) -> None:
    """Nearest samples of a photo in feature space, with their distance on the map."""
    near = placed.place
    st.html('<p class="summary">The leaves nearest to your photo in feature space</p>')
    if not placed.unfamiliar:
        sentence(words.neighbors_agree(samples.labels[near.neighbors], placed.label), "standing")
    tiles = [
        _tile(samples, int(row), words.distance(float(distance)))
        for row, distance in zip(near.neighbors, near.distances)
    ]
    gallery(tiles, "photo_neighbors", record.name, record.classes)


def _own_photos(record: RunSnapshot) -> None:
    with st.expander("Put a photo of yours on the map"):
        run = _model_of(record)
        if run is None:
            st.write(
                plain(f"The weights of {record.name} are not in this copy, so it cannot look at a photo. ")
                + "Choose a run with weights."
            )
            return
        st.write("Photos given here or on Diagnose can be chosen above, under Your photo.")
        photo_inputs.ask_for_photos(diagnosing_runs(), run)


def _trust(
    record: RunSnapshot, samples: MappedSamples, beside: RunSnapshot | None, others: MappedSamples | None
) -> None:
    with st.expander("What this map can tell, and what it cannot"):
        for text in words.limits():
            st.write(plain(text))
        for text in words.quality(samples.map, record.name):
            st.write(plain(text))
        if others is not None:
            for text in words.quality(others.map, beside.name):
                st.write(plain(text))
