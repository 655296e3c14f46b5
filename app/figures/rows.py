"""Rows of a dot with its interval under a title: the layout of figures of shares and gains."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.theme import Palette

ROW_PX = 66
ABOVE_PX, TICKS_PX, LINE_PX = 12, 34, 16
AXIS_CHARACTERS = 50  # characters of a line below the axis, for a phone
Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        title, note: the two lines above it; the note holds the numbers.
        value: where the dot is; None leaves the row empty.
        interval: ends of the line under the dot, or None.
        color: of both.
    """

    title: str
    note: str
    value: float | None
    interval: Interval | None
    color: str


def draw_rows(
    rows: Sequence[Row], axis: str, span: Interval, tickformat: str, colors: Palette, opacity: float = 1.0
) -> go.Figure:
    """Draws the rows from top to bottom.

    Args:
        axis: title of the axis, with n.
        span: where the axis begins and ends.
        tickformat: of its numbers.
        opacity: of the intervals, in (0, 1].
    """
    figure = go.Figure()
    for place, row in enumerate(rows):
        figure.add_annotation(
            text=f"{row.title}<br><b>{row.note}</b>", font={"size": 13, "color": colors.ink}, align="left",
            bgcolor=colors.paper,  # a line at 0 passes behind it
            x=0, xref="paper", xanchor="left", y=place, yshift=10, yanchor="bottom", showarrow=False,
        )  # fmt: skip
        if row.value is None:
            continue
        if row.interval is not None:
            line = {"color": row.color, "width": 3}
            ends = list(row.interval)
            figure.add_scatter(x=ends, y=[place] * 2, mode="lines", line=line, opacity=opacity, hoverinfo="skip")
        figure.add_scatter(
            x=[row.value], y=[place], mode="markers", marker={"color": row.color, "size": 11},
            name=row.title, hovertemplate=f"{row.title}<br>{row.note}<extra></extra>",
        )  # fmt: skip
    below = _lines(axis)
    bottom_px = TICKS_PX + LINE_PX * len(below)
    figure.update_xaxes(
        range=list(span), tickformat=tickformat, nticks=7, gridcolor=colors.rule, zeroline=False, fixedrange=True,
        title={"text": "<br>".join(below), "font": {"size": 12}},
    )  # fmt: skip
    figure.update_yaxes(range=[len(rows) - 0.7, -0.85], visible=False, fixedrange=True)
    figure.update_layout(
        height=ROW_PX * len(rows) + ABOVE_PX + bottom_px, margin={"l": 0, "r": 8, "t": 6, "b": bottom_px},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", showlegend=False, dragmode=False,
    )  # fmt: skip
    return figure


def _lines(text: str) -> list[str]:
    """Breaks long text after commas."""
    glued = ", ".join(part.replace(" ", "\u00a0") for part in text.split(", "))
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(glued, AXIS_CHARACTERS, break_long_words=False)]
