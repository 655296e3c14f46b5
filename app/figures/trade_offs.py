"""Trade-off curves: set size and coverage, selective accuracy, thresholds of a detector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette

MOST_POINTS = 400  # of a curve: more are not distinguishable on a screen
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Curve:
    """One line of a figure.

    Attributes:
        name: in the legend, with its n.
        x, y: (P,).
    """

    name: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Mark:
    """A point, or a vertical line at x, with its label."""

    label: str
    x: float
    y: float | None = None


def coverage_by_set_size(
    levels: Sequence[str],
    sizes: Sequence[float],
    coverages: Sequence[float],
    chosen: int,
    served: Mark | None,
    n: int,
    colors: Palette = PAPER,
) -> go.Figure:
    """Coverage of prediction sets against mean set size, one point an error level.

    Args:
        levels: labels of the points.
        sizes, coverages: of each level.
        chosen: number of the level that is marked.
        served: as the run is served; None where it has no thresholds.
        n: photos.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(sizes), y=list(coverages), mode="lines+markers", customdata=list(levels), showlegend=False,
        line={"color": colors.quiet, "width": 2}, marker={"color": colors.quiet, "size": 7},
        hovertemplate="level %{customdata}<br>%{x:.2f} classes a set, %{y:.1%} covered<extra></extra>",
    )  # fmt: skip
    at = Mark(levels[chosen], sizes[chosen], coverages[chosen])
    for mark, symbol, color in [(at, "circle", colors.accent), (served, "diamond-open", colors.ink)]:
        if mark is not None:
            figure.add_scatter(
                x=[mark.x], y=[mark.y], mode="markers+text", text=[mark.label], cliponaxis=False, showlegend=False,
                textposition="bottom right" if mark is served else "top left", textfont={"color": color, "size": 13},
                marker={"color": color, "size": 13, "symbol": symbol, "line": {"width": 2, "color": color}},
                hovertemplate="%{text}<br>%{x:.2f} classes a set, %{y:.1%} covered<extra></extra>",
            )  # fmt: skip
    figure = _laid_out(figure, f"classes in a set, mean (n = {n:,})", "sets that hold the true class", colors)
    return figure.update_yaxes(tickformat=".1%")


def risk_coverage_curves(curves: Sequence[Curve], colors: Palette = PAPER) -> go.Figure:
    """Risk-coverage curves: error rate against the share of photos answered, one line a group."""
    figure = go.Figure()
    for number, curve in enumerate(curves):
        rows = _thinned(len(curve.x))
        figure.add_scatter(
            x=curve.x[rows], y=curve.y[rows], mode="lines", name=curve.name, line=_line(number, colors),
            hovertemplate=f"{curve.name}<br>%{{x:.0%}} answered, %{{y:.1%}} wrong<extra></extra>",
        )  # fmt: skip
    figure = _laid_out(
        figure, "share of photos answered, the most confident first", "error rate among answered", colors
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    return figure.update_yaxes(rangemode="tozero")


def accepted_by_threshold(
    curves: Sequence[Curve], chosen: float, served: Sequence[Mark], detector: str, colors: Palette = PAPER
) -> go.Figure:
    """Acceptance rate against the threshold of a detector, one line a kind of photo.

    Args:
        curves: the first is of known photos; its line is wide.
        chosen: threshold that is marked.
        served: thresholds of the run.
        detector: title of the score.
    """
    figure = go.Figure()
    for number, curve in enumerate(curves):
        rows = _thinned(len(curve.x))
        figure.add_scatter(
            x=curve.x[rows], y=curve.y[rows], mode="lines", name=curve.name,
            line=_line(number, colors) | ({"width": 4} if number == 0 else {}),
            hovertemplate=f"{curve.name}<br>up to %{{x:.2f}}: %{{y:.1%}} accepted<extra></extra>",
        )  # fmt: skip
    for number, mark in enumerate(served):
        figure.add_scatter(
            x=[mark.x] * 2, y=[0, 1], mode="lines", name=mark.label, hoverinfo="name",
            line={"color": colors.ink, "width": 1.5, "dash": DASHES[1 + number]},
        )  # fmt: skip
    figure.add_vline(x=chosen, line={"color": colors.accent, "width": 2})
    figure = _laid_out(figure, f"threshold: distance from the training photos ({detector})", "accepted", colors)
    return figure.update_yaxes(range=[0, 1.02])


def _line(number: int, colors: Palette) -> dict:
    return {"color": colors.series_color(number), "width": 2, "dash": DASHES[number % len(DASHES)]}


def _thinned(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))


def _laid_out(figure: go.Figure, x: str, y: str, colors: Palette) -> go.Figure:
    axis = {"gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**axis, title={"text": x})
    figure.update_yaxes(**axis, title={"text": y}, tickformat=".0%")
    figure.update_layout(
        height=440, margin={"l": 62, "r": 28, "t": 12, "b": 56}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", dragmode=False,
        legend={"orientation": "h", "y": -0.22, "x": 0, "yanchor": "top", "font": {"color": colors.ink}},
    )  # fmt: skip
    return figure
