"""Accuracy against cost."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette

LOG_FROM = 5  # ratio of the largest to the smallest cost from which on the axis is logarithmic


def accuracy_by_cost(
    names: Sequence[str],
    costs: Sequence[float],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float] | None],
    row_colors: Sequence[str],
    axis: str,
    measure: str,
    colors: Palette = PAPER,
) -> go.Figure:
    """Scatter plot of accuracy against cost, one point a seed group; bars are 95 % intervals.

    Args:
        costs: positive, in the unit of `axis`.
        values, intervals: shares in [0, 1].
    """
    figure = go.Figure()
    for name, cost, value, interval, color in zip(names, costs, values, intervals, row_colors):
        low, high = interval or (value, value)
        figure.add_trace(
            go.Scatter(
                x=[cost],
                y=[value],
                error_y={"array": [high - value], "arrayminus": [value - low], "width": 0, "thickness": 2},
                mode="markers+text",
                text=[f" {name}"],
                textposition="middle right",
                textfont={"color": colors.ink, "size": 13},
                marker={"color": color, "size": 12},
                name=name,
                hovertemplate=f"{name}<br>%{{y:.1%}} at %{{x:.4g}}<extra></extra>",
                showlegend=False,
                cliponaxis=False,
            )
        )
    log = min(costs) > 0 and max(costs) / min(costs) >= LOG_FROM
    plain = {"gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    # Room on the right for the names.
    if log:
        span = {"type": "log", "autorangeoptions": {"include": [min(costs) / 1.5, max(costs) * 3]}}
    else:
        span = {"range": [0, max(costs) * 1.45], "rangemode": "tozero"}
    figure.update_xaxes(**plain, **span, title={"text": axis + (", logarithmic" if log else "")})
    figure.update_yaxes(**plain, tickformat=".0%", title={"text": measure})
    figure.update_layout(
        height=420,
        margin={"l": 62, "r": 12, "t": 12, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure
