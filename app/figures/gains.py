"""How much better one way is than another."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette

ROW_PX = 66


def gains(
    titles: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    axis: str,
    colors: Palette = PAPER,
) -> go.Figure:
    """Gains with their 95 % intervals around a line at 0; those whose interval holds 0 are drawn in grey.

    Args:
        titles: what is compared, a row each.
        values, intervals: differences of shares, in [-1, 1].
        axis: what is measured, with its n.
    """
    figure = go.Figure()
    reach = max([0.02, *(abs(end) for interval in intervals for end in interval)]) * 1.08
    for row, (title, value, (low, high)) in enumerate(zip(titles, values, intervals)):
        clear = low > 0 or high < 0
        color = (colors.accent if value > 0 else colors.error) if clear else colors.quiet
        note = f"{100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})".replace("-", "\u2212")
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
        line = {"color": color, "width": 3}
        figure.add_trace(go.Scatter(x=[low, high], y=[row, row], mode="lines", line=line, hoverinfo="skip"))
        figure.add_trace(
            go.Scatter(
                x=[value],
                y=[row],
                mode="markers",
                marker={"color": color, "size": 11},
                name=title,
                hovertemplate=f"{title}<br>{note}<extra></extra>",
            )
        )
    figure.add_vline(x=0, line={"color": colors.ink, "width": 1}, layer="below")
    figure.update_xaxes(
        range=[-reach, reach],
        tickformat="+.0%" if reach > 0.05 else "+.1%",
        nticks=7,
        gridcolor=colors.rule,
        zeroline=False,
        fixedrange=True,
        title={"text": axis, "font": {"size": 12}},
    )
    figure.update_yaxes(range=[len(titles) - 0.7, -0.85], visible=False, fixedrange=True)
    figure.update_layout(
        height=ROW_PX * len(titles) + 70,
        margin={"l": 0, "r": 8, "t": 6, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        dragmode=False,
    )
    return figure
