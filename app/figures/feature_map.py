"""Samples of a run on the map of its feature space."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette

HEIGHT_PX = 560
BESIDE_PX = 500
FADED = 0.14


@dataclass(frozen=True)
class Group:
    """Samples of one color.

    Attributes:
        title: in the legend.
        color: `#rrggbb`.
        rows: of the samples, (n,).
        symbol: of Plotly.
    """

    title: str
    color: str
    rows: np.ndarray
    symbol: str = "circle"


@dataclass(frozen=True)
class Marker:
    """A photo that is not one of the samples.

    Attributes:
        x, y: where it falls.
        text: on hover.
        hollow: whether it looks like nothing the model learned from.
        neighbors: rows of the samples nearest to it in feature space.
    """

    x: float
    y: float
    text: str
    hollow: bool
    neighbors: Sequence[int]


def feature_map(
    coordinates: np.ndarray,
    groups: Sequence[Group],
    texts: Sequence[str],
    selected: Collection[int] = (),
    marker: Marker | None = None,
    by_click: bool = False,
    colors: Palette = PAPER,
    height_px: int = HEIGHT_PX,
) -> go.Figure:
    """Scatter plot of the map, one trace a group; every point carries its row, which identifies selected samples.

    Args:
        coordinates: (N, 2).
        groups: each sample in one of them; later ones are on top.
        texts: on hover, (N,) with `<br>` between lines.
        selected: highlighted rows; empty for no selection.
        marker: a photo to show among the samples, with lines to its neighbors.
        by_click: dragging pans the map, and a click selects a point; else dragging draws a lasso.
    Raises:
        ValueError: the groups do not hold each sample once.
    """
    N = len(coordinates)
    if sorted(np.concatenate([group.rows for group in groups]).tolist() if groups else []) != list(range(N)):
        raise ValueError(f"{sum(len(group.rows) for group in groups)} points in groups for {N} samples: one each")
    texts = np.asarray(texts, dtype=object)
    figure = go.Figure()
    if marker is not None:
        figure.add_trace(_lines(coordinates, marker, colors))
    for group in groups:
        if len(group.rows):
            figure.add_trace(_points(coordinates, group, texts, selected, N))
    if marker is not None:
        figure.add_trace(_photo(marker, colors))
    figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 0, "b": 28},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        dragmode="pan" if by_click else "lasso",
        hoverlabel={"align": "left", "font": {"color": colors.ink}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colors.quiet, "activecolor": colors.ink},
        uirevision="map",
        newselection={"line": {"color": colors.ink, "width": 1.5, "dash": "solid"}},
        activeselection={"fillcolor": colors.accent, "opacity": 0.06},
    )
    figure.add_annotation(
        text=f"n = {N:,}; t-SNE, the axes have no unit",
        x=1, y=0, xref="paper", yref="paper", xanchor="right", yanchor="top", xshift=-8, yshift=-4, showarrow=False,
        font={"size": 12, "color": colors.ink}, opacity=0.72,
    )  # fmt: skip
    axis = {"visible": False, "zeroline": False}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis, scaleanchor="x")
    return figure


def point_px(N: int) -> float:
    """Marker diameter, smaller for more points."""
    return float(np.clip(9 - 1.2 * np.log10(max(N, 10) / 100) * 2, 3, 9))


def _points(
    coordinates: np.ndarray, group: Group, texts: np.ndarray, selected: Collection[int], N: int
) -> go.Scattergl:
    chosen = np.isin(group.rows, list(selected)) if len(selected) else None
    return go.Scattergl(
        x=coordinates[group.rows, 0].astype(np.float32),
        y=coordinates[group.rows, 1].astype(np.float32),
        mode="markers",
        name=group.title,
        marker={"color": group.color, "size": point_px(N), "symbol": group.symbol, "opacity": 0.85},
        # A flat list: rows of a 2-D array would come back from the browser as objects.
        customdata=group.rows.astype(np.int32),
        text=texts[group.rows].tolist(),
        hovertemplate="%{text}<extra></extra>",
        selectedpoints=None if chosen is None else np.flatnonzero(chosen).tolist(),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": FADED}},
    )


def _lines(coordinates: np.ndarray, marker: Marker, colors: Palette) -> go.Scattergl:
    ends = coordinates[np.asarray(marker.neighbors, dtype=int)]
    x = np.stack([np.full(len(ends), marker.x), ends[:, 0], np.full(len(ends), np.nan)], 1).ravel()
    y = np.stack([np.full(len(ends), marker.y), ends[:, 1], np.full(len(ends), np.nan)], 1).ravel()
    return go.Scattergl(
        x=x, y=y, mode="lines", name="to its neighbors", hoverinfo="skip", line={"color": colors.ink, "width": 1}
    )


def _photo(marker: Marker, colors: Palette) -> go.Scattergl:
    return go.Scattergl(
        x=[marker.x],
        y=[marker.y],
        mode="markers",
        name="your photo",
        marker={
            "symbol": "diamond-open" if marker.hollow else "diamond",
            "size": 17,
            "color": colors.ink,
            "line": {"color": colors.ink, "width": 2.5},
        },
        text=[marker.text],
        hovertemplate="%{text}<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
