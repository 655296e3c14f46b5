"""Cached map figures: a selection must not wait for a figure with thousands of points."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from app.feature_space import groups, words
from app.figures.feature_map import Group, Marker, feature_map
from app.theme import Palette
from hvit.feature_space.mapped_samples import MappedSamples


def map_figure(
    samples: MappedSamples,
    mode: str,
    highlight: str | None,
    selected: frozenset[str],
    marker: Marker | None,
    by_click: bool,
    colors: Palette,
    height_px: int,
) -> tuple[go.Figure, list[Group]]:
    """Figure of the map of a run, and its groups.

    Args:
        mode: attribute that colors the samples, one of `groups.modes`.
        highlight: a class to set off against all others, instead.
        selected: ids of highlighted samples.
        marker: a photo among them.
        by_click: points are selected by a click, not by drawing around them.
    """
    return _map_figure(samples.identity, mode, highlight, selected, marker, by_click, colors, height_px, samples)


@st.cache_resource(max_entries=32, show_spinner=False)
def _map_figure(
    identity: str,
    mode: str,
    highlight: str | None,
    selected: frozenset[str],
    marker: Marker | None,
    by_click: bool,
    colors: Palette,
    height_px: int,
    _samples: MappedSamples,
) -> tuple[go.Figure, list[Group]]:
    if highlight is None:
        found = groups.groups_of(_samples, mode, colors)
    else:
        found = groups.highlighted(_samples, highlight, colors)
    rows = _samples.rows_of(selected)
    texts = words.point_texts(_samples)
    return feature_map(_samples.map.coordinates, found, texts, rows, marker, by_click, colors, height_px), found
