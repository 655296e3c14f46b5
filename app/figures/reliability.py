"""Reliability diagrams: accuracy against predicted probability."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.rows import Interval
from app.theme import PAPER, Palette

COUNT_BINS = 20
COUNTS_HEIGHT, GAP = 0.2, 0.06  # shares of the height of a figure


def reliability_diagram(
    confidence: Sequence[float], accuracy: Sequence[float], counts: Sequence[int], colors: Palette = PAPER
) -> go.Figure:
    """Reliability diagram: accuracy of each bin of predicted probability, with the identity line.

    Args:
        confidence, accuracy: mean of each bin, in [0, 1].
        counts: photos in each bin.
    """
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": colors.quiet, "width": 2, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    figure.add_trace(
        go.Scatter(
            x=list(confidence),
            y=list(accuracy),
            mode="lines+markers",
            line={"color": colors.accent, "width": 1.5},
            marker={"color": colors.accent, "size": 9},
            cliponaxis=False,
            customdata=list(counts),
            hovertemplate="predicted %{x:.1%}, correct %{y:.1%}<br>n = %{customdata}<extra></extra>",
            showlegend=False,
        )
    )
    axis = {"range": [0, 1], "tickformat": ".0%", "gridcolor": colors.rule, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**axis, title={"text": f"probability of the answer (n = {sum(counts):,})"})
    figure.update_yaxes(**axis, title={"text": "share that is correct"})
    figure.update_layout(
        height=400,
        margin={"l": 60, "r": 8, "t": 8, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure


def reliability_with_counts(
    confidence: Sequence[float],
    accuracy: Sequence[float],
    counts: Sequence[int],
    intervals: Sequence[Interval],
    all_confidences: np.ndarray,
    colors: Palette = PAPER,
) -> go.Figure:
    """Reliability diagram with 95 % intervals above a histogram of probabilities.

    Args:
        confidence, accuracy, counts, intervals: of each bin.
        all_confidences: confidence of every prediction, (N,).
    """
    figure = reliability_diagram(confidence, accuracy, counts, colors)
    low, high = np.array(intervals).T
    figure.data[1].error_y = {
        "array": high - np.array(accuracy), "arrayminus": np.array(accuracy) - low, "width": 0, "thickness": 1.5,
    }  # fmt: skip
    edges = np.linspace(0, 1, COUNT_BINS + 1)
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, y=np.histogram(all_confidences, edges)[0], width=0.9 / COUNT_BINS, yaxis="y2",
        marker={"color": colors.quiet, "line": {"width": 0}}, customdata=np.stack([edges[:-1], edges[1:]], 1),
        hovertemplate="%{customdata[0]:.0%} to %{customdata[1]:.0%}: %{y:,} photos<extra></extra>", showlegend=False,
    )  # fmt: skip
    counts_axis = {
        "domain": [0, COUNTS_HEIGHT], "title": {"text": "photos"}, "fixedrange": True, "nticks": 3,
        "gridcolor": colors.rule, "zeroline": False, "rangemode": "tozero",
    }  # fmt: skip
    above = {"domain": [COUNTS_HEIGHT + GAP, 1]}
    figure.update_layout(yaxis=above, yaxis2=counts_axis, xaxis={"anchor": "y2"}, height=500, margin={"r": 24})
    return figure
