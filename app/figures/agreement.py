"""Agreement of measured and true areas: scatter plot with identity line, and Bland-Altman plot."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette
from hvit.scoring.concordance import LimitsOfAgreement

POINT_PX = 8


def identity_scatter(
    true: Sequence[float],
    measured: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    names: Sequence[str],
    colors: Palette = PAPER,
) -> go.Figure:
    """Scatter plot of measured against true area with the identity line; thin bars are intervals.

    Args:
        true, measured: shares of the leaf.
        low, high: of each interval.
        names: of the photos, shown under the pointer.
    """
    top = 1.05 * max([0.05, *true, *measured])
    figure = go.Figure()
    line = {"color": colors.quiet, "width": 2, "dash": "dot"}
    figure.add_scatter(x=[0, top], y=[0, top], mode="lines", line=line, hoverinfo="skip")
    values = np.array(measured)
    bars = {
        "array": np.maximum(0, np.array(high) - values), "arrayminus": np.maximum(0, values - np.array(low)),
        "width": 0, "thickness": 1, "color": colors.rule,
    }  # fmt: skip
    figure.add_scatter(
        x=list(true), y=list(measured), mode="markers", error_y=bars, text=list(names), cliponaxis=False,
        marker={"color": colors.accent, "size": POINT_PX, "opacity": 0.7},
        hovertemplate="%{text}<br>true %{x:.1%}, measured %{y:.1%}<extra></extra>",
    )  # fmt: skip
    axis = {"range": [0, top], "tickformat": ".0%", "gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**axis, title={"text": f"true area, share of the leaf (n = {len(values):,})"})
    figure.update_yaxes(**axis, title={"text": "measured area"})
    return _laid_out(figure)


def bland_altman(
    true: Sequence[float],
    measured: Sequence[float],
    names: Sequence[str],
    limits: LimitsOfAgreement,
    colors: Palette = PAPER,
) -> go.Figure:
    """Difference of measured and true area against their mean, with bias and 95 % limits of agreement."""
    first, second = np.array(true), np.array(measured)
    middle, difference = (first + second) / 2, second - first
    reach = 1.1 * max(0.02, np.abs(difference).max(), abs(limits.low), abs(limits.high))
    figure = go.Figure()
    figure.add_scatter(
        x=middle, y=difference, mode="markers", text=list(names),
        marker={"color": colors.accent, "size": POINT_PX, "opacity": 0.7},
        hovertemplate="%{text}<br>mean %{x:.1%}, difference %{y:+.1%}<extra></extra>",
    )  # fmt: skip
    named = (("bias", limits.bias, "solid"), ("lower", limits.low, "dot"), ("upper", limits.high, "dot"))
    for name, value, dash in named:
        figure.add_hline(y=value, line={"color": colors.quiet, "width": 1.5, "dash": dash})
        figure.add_annotation(
            text=f"{name} {100 * value:+.1f}", x=1, xref="paper", xanchor="left", xshift=4, y=value,
            showarrow=False, font={"size": 12, "color": colors.ink},
        )  # fmt: skip
    axis = {"gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**axis, tickformat=".0%", rangemode="tozero", title={"text": "mean of measured and true area"})
    figure.update_yaxes(**axis, tickformat="+.0%", range=[-reach, reach], title={"text": "measured \u2212 true"})
    return _laid_out(figure).update_layout(margin_r=76)  # for the names of the lines, which would hide points


def _laid_out(figure: go.Figure) -> go.Figure:
    return figure.update_layout(
        height=380, margin={"l": 60, "r": 8, "t": 8, "b": 56}, showlegend=False, dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
