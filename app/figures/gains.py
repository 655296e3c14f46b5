"""Gains of one seed group over another."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.rows import Interval, Row, draw_rows
from app.theme import PAPER, Palette


def gains(
    titles: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[Interval],
    axis: str,
    colors: Palette = PAPER,
) -> go.Figure:
    """Gains with their 95 % intervals and a line at 0; intervals that contain 0 are grey.

    Args:
        titles: of the rows.
        values, intervals: differences of shares, in [-1, 1].
        axis: title of the axis, with n.
    """
    rows = [
        Row(title, _points(value, low, high), value, (low, high), _color(value, low, high, colors))
        for title, value, (low, high) in zip(titles, values, intervals)
    ]
    reach = max([0.02, *(abs(end) for interval in intervals for end in interval)]) * 1.08
    figure = draw_rows(rows, axis, (-reach, reach), "+.0%" if reach > 0.05 else "+.1%", colors)
    figure.add_vline(x=0, line={"color": colors.ink, "width": 1}, layer="below")
    return figure


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})".replace("-", "\u2212")


def _color(value: float, low: float, high: float, colors: Palette) -> str:
    if low <= 0 <= high:
        return colors.quiet
    return colors.accent if value > 0 else colors.error
