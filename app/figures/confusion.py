"""Confusion matrix."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette

CELL_PX, LABELS_PX, LETTER_PX = 25, 14, 6.3
TICKS = (0.01, 0.05, 0.2, 0.5, 1.0)
MOST_WITH_NUMBERS = 40  # classes; beyond, a number does not fit into its cell


def confusion_matrix(
    classes: Sequence[str],
    titles: Sequence[str],
    confusion: np.ndarray,
    rates: bool = False,
    chosen: tuple[str, str] | None = None,
    colors: Palette = PAPER,
) -> go.Figure:
    """Confusion matrix of counts or shares; diagonal and errors have colors of their own, on one fixed scale.

    Every cell that is not empty is also a point that can be clicked; its `customdata` is [true class, what it was
    called].

    Args:
        classes: names, K of them, in the order of rows and columns.
        titles: labels of the axes.
        confusion: counts, (K, K), rows are true classes, in the same order.
        rates: write shares of the true class in percent, not counts.
        chosen: a cell (true, called) to frame.
    """
    K = len(classes)
    n = confusion.sum(1)
    share = confusion / np.maximum(n[:, None], 1)
    shade = np.where(confusion > 0, np.sqrt(share), np.nan)  # square root, so that 1 % is visible next to 100 %
    on_diagonal = np.eye(K, dtype=bool)
    text = _numbers(confusion, share, rates) if K <= MOST_WITH_NUMBERS else None
    figure = go.Figure()
    for mask, color, name in ((on_diagonal, colors.accent, "right"), (~on_diagonal, colors.error, "wrong")):
        figure.add_trace(_shaded_cells(shade, mask, color, name, text, colors))
    figure.add_trace(_clickable_cells(classes, titles, confusion, share, colors))
    if chosen is not None and set(chosen) <= set(classes):
        i, j = classes.index(chosen[0]), classes.index(chosen[1])
        figure.add_shape(
            type="rect", x0=j - 0.5, x1=j + 0.5, y0=i - 0.5, y1=i + 0.5, line={"color": colors.ink, "width": 2}
        )
    longest = max(len(title) for title in titles)
    labels_px = round(longest * LETTER_PX) + LABELS_PX
    axis = {
        "tickvals": list(range(K)),
        "ticktext": list(titles),
        "tickfont": {"size": 11, "color": colors.ink},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    figure.update_xaxes(
        **axis, range=[-0.5, K - 0.5], tickangle=-90, title={"text": "predicted class", "font": {"size": 12}}
    )
    figure.update_yaxes(**axis, range=[K - 0.5, -0.5], title={"text": "true class", "font": {"size": 12}})
    figure.update_layout(
        height=CELL_PX * K + labels_px + 60,
        margin={"l": labels_px + 20, "r": 4, "t": 6, "b": labels_px + 34},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        hoverlabel={"align": "left"},
    )
    return figure


def _shaded_cells(
    shade: np.ndarray, mask: np.ndarray, color: str, name: str, text: np.ndarray | None, colors: Palette
) -> go.Heatmap:
    """Heatmap of the cells of a mask, in one hue."""
    return go.Heatmap(
        z=np.where(mask, shade, np.nan),
        zmin=0,
        zmax=1,
        colorscale=[[0, colors.paper], [1, color]],
        showscale=False,
        hoverinfo="skip",
        name=name,
        text=None if text is None else np.where(mask, text, ""),
        texttemplate=None if text is None else "%{text}",
        textfont={"size": 10, "color": colors.paper if name == "right" else colors.ink},
        xgap=1,
        ygap=1,
    )


def _clickable_cells(
    classes: Sequence[str], titles: Sequence[str], confusion: np.ndarray, share: np.ndarray, colors: Palette
) -> go.Scatter:
    """Invisible points with hover text on the cells that are not empty."""
    cells = [(int(i), int(j)) for i, j in zip(*np.nonzero(confusion))]
    return go.Scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="markers",
        marker={"size": 18, "symbol": "square", "opacity": 0, "color": colors.ink},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[[classes[i], classes[j]] for i, j in cells],
        text=[_hover_text(titles, confusion, share, i, j) for i, j in cells],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def scale_html(colors: Palette = PAPER) -> str:
    """Color scales of the matrix from 0 to 100 % of a true class, with labels at `TICKS`."""
    marks = "".join(f'<span style="left: {100 * tick**0.5:.0f}%">{100 * tick:.0f}</span>' for tick in TICKS)
    bars = "".join(
        f'<i style="background: linear-gradient(to right, {colors.paper}, {color})"></i>'
        for color in (colors.accent, colors.error)
    )
    return f'<div class="matrix-scale">{bars}<div>{marks}</div></div>'


def _numbers(confusion: np.ndarray, share: np.ndarray, rates: bool) -> np.ndarray:
    def written(count: int, part: float) -> str:
        if not count:
            return ""
        return ("<1" if part < 0.005 else f"{100 * part:.0f}") if rates else str(count)

    return np.vectorize(written, otypes=[object])(confusion, share)


def _hover_text(titles: Sequence[str], confusion: np.ndarray, share: np.ndarray, i: int, j: int) -> str:
    count, n = int(confusion[i, j]), int(confusion[i].sum())
    called = "correct" if i == j else f"predicted {titles[j]}"
    return f"{titles[i]}<br>{called}: {count:,} of {n:,} ({100 * share[i, j]:.1f} %)"
