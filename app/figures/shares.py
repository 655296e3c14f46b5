"""Proportions with intervals, one a row."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.rows import Interval, Row, draw_rows
from app.theme import PAPER, Palette


def shares(
    titles: Sequence[str],
    values: Sequence[float | None],
    intervals: Sequence[Interval | None],
    notes: Sequence[str],
    axis: str,
    row_colors: Sequence[str],
    from_zero: bool = False,
    colors: Palette = PAPER,
) -> go.Figure:
    """Dot plot of proportions with 95 % intervals; a missing value leaves its row empty.

    Args:
        titles, notes: in two lines above each row; notes hold the numbers.
        values, intervals: in [0, 1].
        axis: title of the axis, with n.
        from_zero: start the axis at 0, else around the values.
    Raises:
        ValueError: the lists differ in length.
    """
    if len({len(titles), len(values), len(intervals), len(notes), len(row_colors)}) != 1:
        raise ValueError("one title, value, interval, note and color for each row")
    rows = list(map(Row, titles, notes, values, intervals, row_colors))
    low, high = _around(values, intervals)
    low = 0.0 if from_zero else low
    return draw_rows(rows, axis, (low, high), ".0%" if high - low > 0.05 else ".1%", colors, opacity=0.45)


def _around(values: Sequence[float | None], intervals: Sequence[Interval | None]) -> Interval:
    """Axis range around all values and intervals, within [0, 1]."""
    ends = [v for v in values if v is not None] + [end for interval in intervals if interval for end in interval]
    if not ends:
        return 0.0, 1.0
    room = max(0.02, 0.08 * (max(ends) - min(ends)))
    return max(0.0, min(ends) - room), min(1.0, max(ends) + room)
