"""A photo with numbered regions that a click selects."""

import base64
from collections.abc import Collection, Sequence

import cv2
import numpy as np
import plotly.graph_objects as go

from app.theme import PAPER, Palette

MOST_PX = 720  # side of the photo that is sent to the browser
TARGETS = 40  # points of a region that take a click, evenly spread
TARGET_PX = 14
WIDTH_PX = 356  # of the column it stands in
HEIGHTS_PX = (140, 420)


def regions_figure(
    pixels: np.ndarray,
    regions: Sequence[tuple[int, np.ndarray]],
    left_out: Collection[int],
    colors: Palette = PAPER,
) -> go.Figure:
    """The photo under invisible points of each region; `customdata` of a clicked point is the region's number.

    Args:
        pixels: (H, W, 3) uint8.
        regions: number and mask (h, w) bool of each; masks may be coarser than the photo.
        left_out: numbers shown as left out.
    """
    figure = go.Figure()
    for number, mask in regions:
        rows, columns = np.nonzero(mask)
        height, width = mask.shape
        few = np.linspace(0, len(rows) - 1, min(TARGETS, len(rows))).astype(int)
        out = number in left_out
        text = f"Region {number}, left out; click to count it" if out else f"Region {number}; click to leave it out"
        figure.add_trace(
            go.Scatter(
                x=(columns[few] + 0.5) / width, y=(rows[few] + 0.5) / height, mode="markers", name=text,
                marker={"size": TARGET_PX, "opacity": 0, "color": colors.ink}, customdata=[number] * len(few),
                hovertemplate="%{fullData.name}<extra></extra>", unselected={"marker": {"opacity": 0}},
                selected={"marker": {"opacity": 0}},
            )
        )  # fmt: skip
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        figure.add_annotation(
            x=(columns[middle] + 0.5) / width, y=(rows[middle] + 0.5) / height, showarrow=False,
            text=f"<s>{number}</s>" if out else str(number), font={"size": 13, "color": "#ffffff"},
            bgcolor="#8a8a8a" if out else "#1c1c1c", borderpad=2, opacity=0.9, captureevents=False,
        )  # fmt: skip
    figure.add_layout_image(
        source=_data_uri(pixels), x=0, y=0, sizex=1, sizey=1, xref="x", yref="y", sizing="stretch", layer="below"
    )
    ratio = pixels.shape[0] / pixels.shape[1]
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_xaxes(range=[0, 1], **axis)
    figure.update_yaxes(range=[1, 0], scaleanchor="x", scaleratio=ratio, **axis)
    figure.update_layout(
        height=int(np.clip(WIDTH_PX * ratio, *HEIGHTS_PX)), margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False,
        dragmode=False, hovermode="closest", clickmode="event+select", hoverlabel={"font": {"color": colors.ink}},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return figure


def _data_uri(pixels: np.ndarray) -> str:
    factor = min(1.0, MOST_PX / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(small), cv2.COLOR_RGB2BGR))
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
