"""Learning curves of seed groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette
from hvit.scoring.learning_curves import Band, Curve, band, smoothed

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")


@dataclass(frozen=True)
class GroupCurves:
    """Curves of one seed group.

    Attributes:
        curves: one a run, not smoothed; empty ones are left out.
        running: whether the last of them may still grow.
    """

    name: str
    curves: Sequence[Curve]
    running: bool = False


def learning_curves(
    groups: Sequence[GroupCurves],
    weight: float,
    metric: str,
    axis: str,
    each_seed: bool = False,
    is_share: bool = False,
    colors: Palette = PAPER,
) -> go.Figure:
    """Line plot of a metric: mean over the seeds of each group, with the range from lowest to highest as a band.

    Where curves have different lengths, the mean ends with the shortest and the longer ones continue as thin lines. A
    smoothed curve has the recorded one faintly behind it.

    Args:
        weight: of smoothing, see `hvit.scoring.learning_curves.smoothed`.
        metric, axis: titles of the axes, with units.
        each_seed: a line for every run in place of mean and range.
        is_share: the metric is in [0, 1] and shown in percent.
    """
    figure = go.Figure()
    for number, group in enumerate(groups):
        # Beyond the last color they begin again, with another dash.
        color, dash = colors.series_color(number), DASHES[(number + number // len(colors.series)) % len(DASHES)]
        recorded = [c for c in group.curves if len(c)]
        smooth = [Curve(c.x, smoothed(c.y, weight)) for c in recorded]
        together = None if each_seed or len(smooth) < 2 else band(smooth)
        if weight and together is None:
            for c in recorded:
                figure.add_trace(_line(c.x, c.y, color, "solid", 1, 0.25, group.name, skip=True))
        if together is not None:
            figure.add_trace(_band(together, color, group.name))
            for c in smooth:
                beyond = c.x >= together.x[-1]
                if beyond.sum() > 1:
                    figure.add_trace(_line(c.x[beyond], c.y[beyond], color, dash, 1, 0.6, group.name, skip=True))
            figure.add_trace(
                _line(together.x, together.mean, color, dash, 2.5, 1, _hover_text(group.name, len(smooth)))
            )
        for c in [] if together is not None else smooth:
            first = c is smooth[0]
            figure.add_trace(
                _line(c.x, c.y, color, dash, 2.5 if len(smooth) == 1 else 1.6, 1, group.name, legend=first)
            )
        if group.running and smooth:
            longest = max(smooth, key=lambda c: c.x[-1])
            figure.add_trace(_end(longest, color, group.name))
    plain = {"gridcolor": colors.rule, "zeroline": False, "fixedrange": False}
    figure.update_xaxes(**plain, title={"text": axis})
    figure.update_yaxes(**plain, title={"text": metric}, tickformat=".0%" if is_share else None)
    figure.update_layout(
        height=440,
        margin={"l": 62, "r": 12, "t": 8, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        uirevision="keep",
        dragmode=False,
    )
    return figure


def _hover_text(name: str, seeds: int) -> str:
    return f"{name} ({seeds} seeds)"


def _line(
    x: np.ndarray,
    y: np.ndarray,
    color: str,
    dash: str,
    width: float,
    opacity: float,
    name: str,
    skip: bool = False,
    legend: bool = True,
) -> go.Scatter:
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines" if len(x) > 1 else "markers",
        line={"color": color, "width": width, "dash": dash},
        marker={"color": color, "size": 8},
        opacity=opacity,
        name=name,
        showlegend=legend and not skip,
        hoverinfo="skip" if skip else None,
        hovertemplate=None if skip else f"{name}<br>%{{y:.4g}} at %{{x:.4g}}<extra></extra>",
    )


def _band(both: Band, color: str, name: str) -> go.Scatter:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return go.Scatter(
        x=both.x.tolist() + both.x[::-1].tolist(),
        y=both.high.tolist() + both.low[::-1].tolist(),
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.16)",
        line={"width": 0},
        mode="lines",
        name=f"range of {name}",
        showlegend=False,
        hoverinfo="skip",
    )


def _end(longest: Curve, color: str, name: str) -> go.Scatter:
    return go.Scatter(
        x=[float(longest.x[-1])],
        y=[float(longest.y[-1])],
        mode="markers",
        marker={"color": color, "size": 11, "symbol": "circle-open", "line": {"width": 2}},
        name=f"{name}, running",
        showlegend=False,
        hovertemplate=f"{name}: still running<extra></extra>",
    )
