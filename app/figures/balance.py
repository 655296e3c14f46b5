"""Photos of each class in training, validation, calibration and test."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette

ROW_PX = 21
STRENGTHS = (1.0, 0.66, 0.42, 0.22)  # opacities of the accent color, from training to test: distinguishable in grey too


def class_balance(
    titles: Sequence[str], counts: Mapping[str, Sequence[int]], thing: str = "photos", colors: Palette = PAPER
) -> go.Figure:
    """Stacked bars of the photos of each class.

    Args:
        titles: names of the classes, from the top.
        counts: of each part, in people's words, one number a class.
        thing: noun for what is counted.
    Raises:
        ValueError: a part does not have one number a class.
    """
    if any(len(row) != len(titles) for row in counts.values()):
        raise ValueError(
            f"{len(titles)} classes, and parts of {[len(row) for row in counts.values()]}: one number each"
        )
    rows = list(range(len(titles)))
    totals = [sum(column) for column in zip(*counts.values())] if counts else [0] * len(titles)
    figure = go.Figure()
    for number, (part, values) in enumerate(counts.items()):
        share = STRENGTHS[number % len(STRENGTHS)]
        figure.add_bar(
            x=list(values),
            y=rows,
            orientation="h",
            name=f"{part}, {sum(values):,}",
            width=0.62,
            marker={
                "color": _mixed(colors.accent, share),
                "line": {"width": 0},
            },
            customdata=[[title, part] for title in titles],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}: %{x:,}<extra></extra>",
        )
    figure.add_scatter(
        x=totals,
        y=rows,
        mode="text",
        text=[f" {n:,}" for n in totals],
        textposition="middle right",
        textfont={"size": 12, "color": colors.ink},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
    _lay_out(figure, titles, f"{thing}, {sum(totals):,} in all", colors)
    return figure


def _lay_out(figure: go.Figure, titles: Sequence[str], axis_title: str, colors: Palette) -> None:
    figure.update_layout(
        barmode="stack",
        height=ROW_PX * len(titles) + 96,
        margin={"l": 0, "r": 44, "t": 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal", "font": {"size": 12}},
        font={"color": colors.ink},
    )
    figure.update_xaxes(
        title={"text": axis_title, "font": {"size": 12}},
        gridcolor=colors.rule,
        zerolinecolor=colors.rule,
        rangemode="tozero",
        fixedrange=True,
        tickformat=",d",
    )
    figure.update_yaxes(
        tickvals=list(range(len(titles))), ticktext=list(titles), range=[len(titles) - 0.4, -0.6], fixedrange=True,
        automargin=True, tickfont={"size": 12},
    )  # fmt: skip


def _mixed(color: str, share: float) -> str:
    """A color with an alpha channel."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {share})"
