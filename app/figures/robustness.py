"""Scores against the strength of a corruption."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.theme import PAPER, Palette

DASHES = ("solid", "dash")


@dataclass(frozen=True)
class StrengthCurve:
    """Scores of one run by strength.

    Attributes:
        name: of the run.
        strengths: from 0, the photos as they are.
        values: shares; None where undefined, shown as a gap.
        intervals: 95 %, one a value; empty where there are none.
    """

    name: str
    strengths: Sequence[int]
    values: Sequence[float | None]
    intervals: Sequence[tuple[float, float]] = ()


def score_by_strength(curves: Sequence[StrengthCurve], title: str, colors: Palette = PAPER) -> go.Figure:
    """Line plot of a score against strength, from 0 (unchanged photos); bars are 95 % intervals.

    Args:
        title: of the vertical axis.
    """
    figure = go.Figure()
    for number, curve in enumerate(curves):
        shift = 0.06 * number  # so that the bars of two runs do not cover each other
        figure.add_scatter(
            x=[strength + shift for strength in curve.strengths],
            y=list(curve.values),
            mode="lines+markers",
            line={"color": colors.series_color(number), "width": 2.5, "dash": DASHES[number % len(DASHES)]},
            marker={"color": colors.series_color(number), "size": 8},
            error_y=_bars(curve, colors.series_color(number)),
            name=curve.name,
            customdata=list(curve.strengths),
            hovertemplate=f"{curve.name}<br>strength %{{customdata}}: %{{y:.1%}}<extra></extra>",
            cliponaxis=False,
            showlegend=len(curves) > 1,
        )
    plain = {"gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**plain, title={"text": "strength"}, dtick=1, range=[-0.2, 5.3])
    figure.update_yaxes(**plain, title={"text": title}, tickformat=".0%", range=[0, 1.02], dtick=0.25)
    figure.update_layout(
        height=300,
        margin={"l": 58, "r": 10, "t": 10, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        dragmode=False,
    )
    return figure


def _bars(curve: StrengthCurve, color: str) -> dict | None:
    if not curve.intervals:
        return None
    above, below = zip(*((high - y, y - low) for y, (low, high) in zip(curve.values, curve.intervals)))
    return {"array": above, "arrayminus": below, "width": 0, "thickness": 1.4, "color": color}
