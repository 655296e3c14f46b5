"""Disease progress: incidence or severity over the dates of a trial."""

from collections.abc import Mapping, Sequence
from datetime import date

import plotly.graph_objects as go

from app.theme import PAPER, Palette
from hvit.trials.summary import Mean

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")


def disease_progress(
    progress: Mapping[str, Sequence[tuple[date, Mean]]], measure: str, colors: Palette = PAPER
) -> go.Figure:
    """Line plot, one line a treatment: mean over its plots with 95 % intervals, cut at 0 and 100 %.

    Args:
        progress: means in [0, 1] by date, by treatment.
        measure: title of the axis, without unit.
    """
    figure = go.Figure()
    for number, (treatment, points) in enumerate(progress.items()):
        known = [(day, mean) for day, mean in points if mean.value is not None]
        ends = [mean.interval or (mean.value, mean.value) for _, mean in known]
        values = [100 * mean.value for _, mean in known]
        figure.add_trace(
            go.Scatter(
                x=[day for day, _ in known],
                y=values,
                name=treatment or "no treatment",
                mode="lines+markers",
                line={"color": colors.series_color(number), "width": 2},
                marker={"size": 9, "symbol": SYMBOLS[number % len(SYMBOLS)]},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * min(1.0, high) - v for (_, high), v in zip(ends, values)],
                    "arrayminus": [v - 100 * max(0.0, low) for (low, _), v in zip(ends, values)],
                    "thickness": 1.2,
                    "width": 4,
                },
                customdata=[mean.n for _, mean in known],
                hovertemplate="%{x|%Y-%m-%d}: %{y:.1f} %, n = %{customdata} plots",
            )
        )
    figure.update_layout(
        height=380,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colors.ink},
        legend={"orientation": "h", "y": -0.18},
    )
    days = sorted({day for points in progress.values() for day, _ in points})
    figure.update_xaxes(gridcolor=colors.rule, fixedrange=True, tickvals=days, tickformat="%d %b")
    title = {"text": f"{measure}, %, mean over plots"}
    figure.update_yaxes(gridcolor=colors.rule, fixedrange=True, rangemode="tozero", title=title)
    return figure
