"""Whether probabilities mean what they say."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette


def reliability_diagram(
    confidence: Sequence[float], accuracy: Sequence[float], counts: Sequence[int], colors: Palette = PAPER
) -> go.Figure:
    """How often answers of a given probability were right; on the line, probabilities mean what they say.

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
