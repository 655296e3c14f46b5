"""Heatmap overlays: a photo with a colormapped heatmap, and with its color bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hvit.fonts import drawing_font

if TYPE_CHECKING:  # these import torch, which pages load only when needed
    from hvit.explain.color_scale import ColorScale
    from hvit.explain.explanation import Explanation

# Evenly spaced colors of matplotlib's sequential colormap "inferno" (CC0), from low to high.
SEQUENTIAL_COLORS = (
    "#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4",
)  # fmt: skip
# ColorBrewer's diverging colormap BrBG reversed: blue-green is negative, light grey 0, brown positive.
DIVERGING_COLORS = (
    "#003c30", "#01665e", "#35978f", "#80cdc1", "#c7eae5", "#f5f5f5", "#f6e8c3", "#dfc27d", "#bf812d", "#8c510a",
    "#543005",
)  # fmt: skip
HEATMAP_OPACITY = 0.62
SIDE_PX = (512, 1024)  # limits of the longer side of an image, so that the color bar is readable
MIN_WIDTH_PX = 360
BAR_PX, MARGIN_PX, TEXT_PX = 10, 14, 14
PAPER, INK = "#fcfbf8", "#22261f"


def apply_colormap(heatmap: np.ndarray, colors: tuple[str, ...] = SEQUENTIAL_COLORS) -> np.ndarray:
    """Colormaps a heatmap in [0, 1], (H, W) -> (H, W, 3) uint8; `colors` are evenly spaced on [0, 1]."""
    channels = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in colors], float)
    position = np.linspace(0, 1, len(channels))
    pixels = np.stack([np.interp(heatmap, position, channels[:, c]) for c in range(3)], axis=-1)
    colored: np.ndarray = pixels.round().astype(np.uint8)
    return colored


def colormap_of(scale: ColorScale) -> tuple[str, ...]:
    """Colors of a scale: a diverging colormap where it has a sign, otherwise a sequential one."""
    return SEQUENTIAL_COLORS if scale.linthresh is None else DIVERGING_COLORS


def overlay_heatmap(
    pixels: np.ndarray,
    heatmap: np.ndarray,
    colors: tuple[str, ...] = SEQUENTIAL_COLORS,
    opacity: float = HEATMAP_OPACITY,
) -> np.ndarray:
    """Overlays a heatmap (H', W') in [0, 1] on the photo in greyscale; (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    resized = np.clip(cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(apply_colormap(resized, colors), opacity, grey, 1 - opacity, 0)


def render_explanation(pixels: np.ndarray, explanation: Explanation, caption: str) -> Image.Image:
    """Image of the photo (H, W, 3) uint8 with heatmap overlay, caption, unit and color bar.

    Where the explanation is empty, only the photo and the caption.
    """
    colors, large = colormap_of(explanation.scale), _enlarged(pixels)
    photo = Image.fromarray(large if explanation.is_empty else overlay_heatmap(large, explanation.heatmap, colors))
    font, caption_font = ImageFont.load_default(TEXT_PX), drawing_font([caption], TEXT_PX)
    line = TEXT_PX + 6
    width = max(photo.width, MIN_WIDTH_PX)
    picture = Image.new("RGB", (width, photo.height + 3 * line + BAR_PX + 2 * MARGIN_PX), PAPER)
    picture.paste(photo, ((width - photo.width) // 2, 0))
    draw = ImageDraw.Draw(picture)
    left, top, length = MARGIN_PX, photo.height + MARGIN_PX, width - 2 * MARGIN_PX
    draw.text((left, top), caption, INK, caption_font)
    if explanation.is_empty:
        return picture.crop((0, 0, width, top + line + MARGIN_PX))
    draw.text((left, top + line), explanation.scale.unit, INK, font)
    bar = np.linspace(0, 1, length)[None].repeat(BAR_PX, 0)
    # Over medium grey, so that the colors look as in the overlay.
    under = np.full((BAR_PX, length, 3), 128, np.uint8)
    picture.paste(Image.fromarray(overlay_heatmap(under, bar, colors)), (left, top + 2 * line))
    ticks = np.array(explanation.scale.ticks, float)
    anchors = ["lt", *["mt"] * (len(ticks) - 2), "rt"]
    for label, position, anchor in zip(explanation.scale.labels, explanation.scale.normalize(ticks), anchors):
        draw.text((left + float(position) * length, top + 2 * line + BAR_PX + 4), label, INK, font, anchor)
    return picture


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    side = max(pixels.shape[:2])
    factor = float(np.clip(side, *SIDE_PX)) / side
    return cv2.resize(
        pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )
