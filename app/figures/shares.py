"""Shares with their intervals, one a row."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette

ROW_PX = 66
Interval = tuple[float, float]


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
    """A dot and its 95 % interval a row, the name above it; a value that was not measured leaves its row empty.

    Args:
        titles, notes: in two lines above each row; notes hold the numbers.
        values, intervals: in [0, 1].
        axis: what is measured, with its n.
        from_zero: begin the axis at 0, else around what there is.
    Raises:
        ValueError: the lists differ in length.
    """
    if len({len(titles), len(values), len(intervals), len(notes), len(row_colors)}) != 1:
        raise ValueError("one title, value, interval, note and color for each row")
    figure = go.Figure()
    for row, (title, value, interval, note, color) in enumerate(zip(titles, values, intervals, notes, row_colors)):
        figure.add_annotation(
            text=f"{title}<br><b>{note}</b>",
            x=0,
            xref="paper",
            xanchor="left",
            y=row,
            yshift=10,
            yanchor="bottom",
            align="left",
            showarrow=False,
            font={"size": 13, "color": colors.ink},
        )
        if value is None:
            continue
        if interval is not None:
            figure.add_trace(
                go.Scatter(
                    x=list(interval),
                    y=[row, row],
                    mode="lines",
                    line={"color": color, "width": 3},
                    opacity=0.45,
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
        figure.add_trace(
            go.Scatter(
                x=[value],
                y=[row],
                mode="markers",
                marker={"color": color, "size": 11},
                name=title,
                hovertemplate=f"{title}: {note}<extra></extra>",
                showlegend=False,
            )
        )
    low, high = _around(values, intervals)
    low = 0.0 if from_zero else low
    figure.update_xaxes(
        range=[low, high],
        tickformat=".0%" if high - low > 0.05 else ".1%",
        nticks=6,
        gridcolor=colors.rule,
        zeroline=False,
        fixedrange=True,
        title={"text": axis, "font": {"size": 12}},
    )
    figure.update_yaxes(range=[len(titles) - 0.7, -0.85], visible=False, fixedrange=True)
    figure.update_layout(
        height=ROW_PX * len(titles) + 62,
        margin={"l": 0, "r": 8, "t": 6, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure


def _around(values: Sequence[float | None], intervals: Sequence[Interval | None]) -> Interval:
    """From a little below the lowest end to a little above the highest, within [0, 1]."""
    ends = [v for v in values if v is not None] + [end for interval in intervals if interval for end in interval]
    if not ends:
        return 0.0, 1.0
    room = max(0.02, 0.08 * (max(ends) - min(ends)))
    return max(0.0, min(ends) - room), min(1.0, max(ends) + room)
