"""Image operations of the pages: arrays in, arrays or JPEG bytes out."""

from collections.abc import Sequence

import cv2
import numpy as np

SHOWN_PX = 1024
BOXED_PX = 700
HEATMAP_PX = 512
CUT_PX = 2048
THUMBNAIL_PX = 112
MIN_CUT_PX = 64
OUTLINED_PX = 960
WHITE = (255, 255, 255)
MIN_HOLE_PX = 600  # area of gaps in a mask that get no line: around green veins it would hide the leaf

Box = tuple[float, float, float, float]  # left, top, right, bottom as fractions of the photo


def shrunk(pixels: np.ndarray, side_px: int) -> np.ndarray:
    """Downscales `pixels` (H, W, 3) uint8 so that its longer side is at most `side_px`."""
    height, width = pixels.shape[:2]
    factor = side_px / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def enlarged(pixels: np.ndarray, side_px: int) -> np.ndarray:
    """Upscales `pixels` (H, W, 3) uint8 so that its longer side is at least `side_px`."""
    factor = side_px / max(pixels.shape[:2])
    return pixels if factor <= 1 else cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def side_by_side(panels: Sequence[np.ndarray], side_px: int) -> np.ndarray:
    """Joins pictures of one scene (H, W, 3) uint8 from left to right, each at the size of the first, shrunk."""
    first = shrunk(panels[0], side_px)
    size = first.shape[1], first.shape[0]
    rest = [cv2.resize(panel, size, interpolation=cv2.INTER_AREA) for panel in panels[1:]]
    return np.concatenate([first, *rest], axis=1)


def jpeg(pixels: np.ndarray, quality: int = 88) -> bytes:
    """Encodes (H, W, 3) uint8 RGB as JPEG without metadata."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return encoded.tobytes()


def png(pixels: np.ndarray) -> bytes:
    """Encodes (H, W, 3) uint8 RGB as PNG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def thumbnail(pixels: np.ndarray) -> bytes:
    """Square JPEG of the center of the photo."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return jpeg(shrunk(pixels[top : top + side, left : left + side], THUMBNAIL_PX))


def edges_px(box: Box, height: int, width: int) -> tuple[int, int, int, int]:
    """Converts a box to pixels, left top right bottom, at least `MIN_CUT_PX` a side where possible."""
    left, right = _at_least(box[0] * width, box[2] * width, width)
    top, bottom = _at_least(box[1] * height, box[3] * height, height)
    return left, top, right, bottom


def _at_least(start: float, stop: float, length: int) -> tuple[int, int]:
    side = min(length, max(MIN_CUT_PX, round(stop - start)))
    first = min(max(0, round((start + stop - side) / 2)), length - side)
    return first, first + side


def cut_out(pixels: np.ndarray, box: Box) -> bytes:
    """Crops the photo to `box`, as PNG; parts longer than `CUT_PX` are downscaled."""
    left, top, right, bottom = edges_px(box, *pixels.shape[:2])
    return png(shrunk(pixels[top:bottom, left:right], CUT_PX))


def with_box(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Dims the photo outside `box` and draws its outline; small photos are upscaled for a fine line."""
    factor = max(1.0, BOXED_PX / max(pixels.shape[:2]))
    pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    height, width = pixels.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    shown = (pixels * 0.35).astype(np.uint8)
    shown[top:bottom, left:right] = pixels[top:bottom, left:right]
    return cv2.rectangle(shown, (left, top), (right - 1, bottom - 1), (252, 251, 248), 2)


def with_outline(
    pixels: np.ndarray, mask: np.ndarray, width_px: int = 3, color: tuple[int, int, int] = WHITE
) -> np.ndarray:
    """Draws the outline of `mask` (H', W') bool on the photo; small photos are upscaled for a fine line.

    The line is of a light `color` inside a dark one, so that it is visible on every ground, and it runs outside the
    mask, so that small spots are not hidden under it.
    """
    factor = max(1.0, OUTLINED_PX / max(pixels.shape[:2]))
    shown = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    height, width = shown.shape[:2]
    inside = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    around = cv2.dilate(inside.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    edges, tree = cv2.findContours(around, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    is_hole = [parent >= 0 for parent in tree[0, :, 3]] if edges else []
    edges = [edge for edge, hole in zip(edges, is_hole) if not hole or cv2.contourArea(edge) > MIN_HOLE_PX]
    for line_color, line_px in (((20, 20, 20), 2 * width_px + 2), (color, width_px)):
        cv2.drawContours(shown, edges, -1, line_color, line_px, cv2.LINE_AA)
    return shown


def propose_leaf(pixels: np.ndarray) -> Box:
    """Bounding box of the largest region of saturated color, as a first proposal for one leaf."""
    small = cv2.GaussianBlur(shrunk(pixels, 256), (0, 0), 2)
    saturation = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1]
    mask = cv2.threshold(saturation, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return 0.1, 0.1, 0.9, 0.9
    left, top, width, height, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    full_height, full_width = mask.shape
    box = left / full_width, top / full_height, (left + width) / full_width, (top + height) / full_height
    return tuple(round(edge, 2) for edge in box)
