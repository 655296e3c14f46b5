"""Blur: out of focus, and camera motion. Lengths are shares of the side, the square root of the area."""

import math

import cv2
import numpy as np

from hvit.data.leafsim.random_stream import RandomStream


def side_px(image: np.ndarray) -> float:
    """Square root of the area in px, to which lengths are relative, so that strengths do not depend on resolution."""
    return math.sqrt(image.shape[0] * image.shape[1])


def window(x: float, y: float, reach: float, height: int, width: int) -> tuple[slice, slice]:
    """Row and column ranges of the pixels within `reach` px of a point inside an image, cut at its edges."""
    rows = slice(max(0, math.ceil(y - reach)), min(height, math.floor(y + reach) + 1))
    columns = slice(max(0, math.ceil(x - reach)), min(width, math.floor(x + reach) + 1))
    return rows, columns


def defocus(image: np.ndarray, radius: float, stream: RandomStream) -> np.ndarray:
    """Defocus blur: convolution with a disk; `radius` is a fraction of the side."""
    return _filtered(image, disk_kernel(radius * side_px(image)))


def motion_blur(image: np.ndarray, length: float, stream: RandomStream) -> np.ndarray:
    """Motion blur: convolution with a line in a random direction; `length` is a fraction of the side."""
    return _filtered(image, line_kernel(length * side_px(image), stream.uniform(0, math.pi)))


def disk_kernel(radius: float) -> np.ndarray:
    """A disk of this radius in px with antialiased edge, (k, k) float32 with sum 1; a single pixel for 0."""
    reach = math.ceil(radius)
    offsets = np.arange(-reach, reach + 1)
    distance = np.hypot(offsets[:, None], offsets[None])
    return _normalized(np.clip(radius + 0.5 - distance, 0, 1))


def line_kernel(length: float, angle: float) -> np.ndarray:
    """A line of this length in px and angle in radians, antialiased, (k, k) float32 with sum 1."""
    reach = math.ceil(length / 2) + 1
    offsets = np.arange(-reach, reach + 1)
    along = offsets[None] * math.cos(angle) + offsets[:, None] * math.sin(angle)
    across = offsets[:, None] * math.cos(angle) - offsets[None] * math.sin(angle)
    weights = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return _normalized(weights)


def _normalized(weights: np.ndarray) -> np.ndarray:
    kernel: np.ndarray = (weights / weights.sum()).astype(np.float32)
    return kernel


def _filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
