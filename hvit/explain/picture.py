"""A photo with heat laid over it, and with the scale beside it: arrays in, pictures out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hvit.fonts import drawing_font

if TYPE_CHECKING:  # without torch, which pages load only when they need it
    from hvit.explain.color_scale import Scale
    from hvit.explain.explanation import Explanation

# Stops of the perceptual map "inferno" (matplotlib, CC0), from the lowest value to the highest.
HEAT_STOPS = (
    "#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4",
)  # fmt: skip
# ColorBrewer's BrBG turned round, for values with a sign: blue-green speaks against, light grey is nothing, brown for.
SIGN_STOPS = (
    "#003c30", "#01665e", "#35978f", "#80cdc1", "#c7eae5", "#f5f5f5", "#f6e8c3", "#dfc27d", "#bf812d", "#8c510a",
    "#543005",
)  # fmt: skip
HEAT_OPACITY = 0.62
SIDE_PX = (512, 1024)  # the longer side of a picture: at least, so that the scale can be read, and at most
NARROWEST_PX = 360
BAR_PX, MARGIN_PX, TEXT_PX = 10, 14, 14
PAPER, INK = "#fcfbf8", "#22261f"


def heat_colors(heatmap: np.ndarray, stops: tuple[str, ...] = HEAT_STOPS) -> np.ndarray:
    """Values in [0, 1], (H, W) -> colors (H, W, 3) uint8 on the scale that `stops` are evenly spaced on."""
    channels = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], float)
    position = np.linspace(0, 1, len(channels))
    return np.stack([np.interp(heatmap, position, channels[:, c]) for c in range(3)], axis=-1).round().astype(np.uint8)


def stops_of(scale: Scale) -> tuple[str, ...]:
    """The colors of a scale: with a sign, or from little to much."""
    return HEAT_STOPS if scale.knee is None else SIGN_STOPS


def with_heat(
    pixels: np.ndarray, heatmap: np.ndarray, stops: tuple[str, ...] = HEAT_STOPS, opacity: float = HEAT_OPACITY
) -> np.ndarray:
    """The photo in grey with `heatmap` (H', W') in [0, 1] laid over it; (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    heat = np.clip(cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(heat_colors(heat, stops), opacity, grey, 1 - opacity, 0)


def explained(pixels: np.ndarray, explanation: Explanation, caption: str) -> Image.Image:
    """The photo (H, W, 3) uint8 with its heatmap, above the labeled scale and two lines: the caption and the unit.

    Where the explanation is empty, the photo as it is above the caption.
    """
    stops, large = stops_of(explanation.scale), _at_a_readable_size(pixels)
    photo = Image.fromarray(large if explanation.is_empty else with_heat(large, explanation.heatmap, stops))
    font, captioned = ImageFont.load_default(TEXT_PX), drawing_font([caption], TEXT_PX)
    line = TEXT_PX + 6
    width = max(photo.width, NARROWEST_PX)
    picture = Image.new("RGB", (width, photo.height + 3 * line + BAR_PX + 2 * MARGIN_PX), PAPER)
    picture.paste(photo, ((width - photo.width) // 2, 0))
    draw = ImageDraw.Draw(picture)
    left, top, length = MARGIN_PX, photo.height + MARGIN_PX, width - 2 * MARGIN_PX
    draw.text((left, top), caption, INK, captioned)
    if explanation.is_empty:
        return picture.crop((0, 0, width, top + line + MARGIN_PX))
    draw.text((left, top + line), explanation.scale.unit, INK, font)
    bar = np.linspace(0, 1, length)[None].repeat(BAR_PX, 0)
    # With the grey of a photo under it as in the picture, so that the colors are the same.
    under = np.full((BAR_PX, length, 3), 128, np.uint8)
    picture.paste(Image.fromarray(with_heat(under, bar, stops)), (left, top + 2 * line))
    ticks = np.array(explanation.scale.ticks, float)
    anchors = ["lt", *["mt"] * (len(ticks) - 2), "rt"]
    for label, position, anchor in zip(explanation.scale.labels, explanation.scale.heat(ticks), anchors):
        draw.text((left + float(position) * length, top + 2 * line + BAR_PX + 4), label, INK, font, anchor)
    return picture


def _at_a_readable_size(pixels: np.ndarray) -> np.ndarray:
    side = max(pixels.shape[:2])
    factor = float(np.clip(side, *SIDE_PX)) / side
    return cv2.resize(
        pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )
