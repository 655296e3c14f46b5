"""Fields of random numbers with a chosen grain: what makes tissue, cloth and soil look grown instead of painted."""

import cv2
import numpy as np

from hvit.data.leafsim.random_stream import RandomStream


def fractal(draws: RandomStream, size: int, cells: int = 4, octaves: int = 5, gain: float = 0.5) -> np.ndarray:
    """Smooth noise over several scales.

    Args:
        size: side of the picture in pixels; the pattern is the same at every size.
        cells: waves across the picture at the coarsest scale.
        octaves: scales, each half as wide as the one before.
        gain: how much weaker each scale is.
    Returns:
        (size, size) float32 with mean about 0 and deviation about 1.
    """
    field, weight, total = np.zeros((cells, cells), np.float32), 1.0, 0.0
    for octave in range(octaves):
        side = cells << octave
        if octave:
            field = cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)
        field += weight * draws.normal((side, side))
        total += weight**2
        weight *= gain
    way = cv2.INTER_CUBIC if side < size else cv2.INTER_AREA
    return cv2.resize(field, (size, size), interpolation=way) * np.float32(1.25 / total**0.5)


def grain(draws: RandomStream, size: int, cells: int) -> np.ndarray:
    """Noise of one fine scale, `cells` across the picture; (size, size) float32, deviation about 1."""
    field = draws.normal((cells, cells))
    way = cv2.INTER_CUBIC if cells < size else cv2.INTER_AREA
    return cv2.resize(field, (size, size), interpolation=way)


def smoothstep(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth rise between; the other way round where `low` > `high`."""
    t = np.clip((values - low) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; `sigma` in pixels. Wide ones are done on a smaller picture."""
    if sigma < 0.3:
        return field
    shrink = int(sigma // 4) + 1
    if shrink == 1:
        return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    height, width = field.shape[:2]
    small = cv2.resize(field, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
