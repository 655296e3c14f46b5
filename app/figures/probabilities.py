"""Class probabilities of one prediction."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import PAPER, Palette

ROW_PX = 52


def class_probabilities(
    titles: Sequence[str],
    probabilities: Sequence[float],
    in_set: Sequence[bool],
    num_classes: int,
    colors: Palette = PAPER,
    calibrated: bool = True,
) -> go.Figure:
    """Bar chart of probabilities, most likely on top; the prediction set in the accent color, others grey.

    Args:
        titles: names of the classes to show, most likely first.
        probabilities: in [0, 1], in the order of `titles`.
        in_set: whether the class belongs to the prediction set.
        num_classes: how many classes the probabilities sum to 1 over; those not shown become one last row.
        calibrated: whether a temperature was fitted for this run.
    Raises:
        ValueError: the three lists differ in length, or a probability is outside [0, 1].
    """
    if not len(titles) == len(probabilities) == len(in_set):
        raise ValueError(f"{len(titles)} titles, {len(probabilities)} probabilities, {len(in_set)} marks: one each")
    if any(not 0 <= p <= 1 for p in probabilities):
        raise ValueError(f"probabilities lie in [0, 1], got {list(probabilities)}")
    names, values, marks = list(titles), [float(p) for p in probabilities], list(in_set)
    if (others := num_classes - len(names)) > 0:
        names.append(f"the other {others} together" if others > 1 else "the other one")
        values.append(max(0.0, 1.0 - sum(values)))
        marks.append(False)
    rows = list(range(len(names)))
    figure = go.Figure(
        go.Bar(
            x=values,
            y=rows,
            orientation="h",
            width=0.24,
            marker={"color": [colors.accent if mark else colors.quiet for mark in marks], "line": {"width": 0}},
            customdata=names,
            hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
        )
    )
    for row, name, value, mark in zip(rows, names, values, marks):
        text = {"y": row, "yshift": 17, "showarrow": False, "font": {"size": 15, "color": colors.ink}}
        figure.add_annotation(text=f"<b>{name}</b>" if mark else name, x=0, xref="paper", xanchor="left", **text)
        figure.add_annotation(text=percent_label(value), x=1, xref="paper", xanchor="right", **text)
    axis = f"{'calibrated ' if calibrated else 'uncalibrated '}probability over {num_classes} classes, from 0 to 100 %"
    if any(marks):
        axis += "<br>green: cannot be ruled out"
    _lay_out(figure, len(rows), axis, colors)
    return figure


def _lay_out(figure: go.Figure, num_rows: int, axis_title: str, colors: Palette) -> None:
    figure.update_layout(
        height=ROW_PX * num_rows + 54,
        margin={"l": 0, "r": 8, "t": 8, "b": 46},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        bargap=0,
    )
    figure.update_xaxes(
        range=[0, 1],
        tickvals=[0, 0.5, 1],
        showticklabels=False,
        gridcolor=colors.rule,
        zeroline=True,
        zerolinecolor=colors.rule,
        fixedrange=True,
        title={"text": axis_title, "font": {"size": 12}},
    )
    figure.update_yaxes(range=[num_rows - 0.6, -0.75], visible=False, fixedrange=True)


def percent_label(fraction: float) -> str:
    """Formats a probability: `94 %`, but never 0 or 100."""
    if fraction >= 0.995:
        return "over 99 %"
    return "under 1 %" if fraction < 0.005 else f"{fraction:.0%}".replace("%", " %")
