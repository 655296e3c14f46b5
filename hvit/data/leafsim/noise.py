"""Noise textures: fractal noise, fine grain, smoothstep, and Gaussian blur."""

import cv2
import numpy as np

from hvit.data.leafsim.random_stream import RandomStream


def fractal(rng: RandomStream, size: int, cells: int = 4, octaves: int = 5, gain: float = 0.5) -> np.ndarray:
    """Fractal noise: a sum of smooth noise at several scales.

    Args:
        size: side of the picture in pixels; the pattern is the same at every size.
        cells: grid cells across the image at the coarsest scale.
        octaves: number of scales, each with half the cell size of the previous one.
        gain: amplitude of each scale relative to the previous one.
    Returns:
        (size, size) float32 with mean about 0 and deviation about 1.
    """
    field: np.ndarray = np.zeros((cells, cells), np.float32)
    weight, total = 1.0, 0.0
    for octave in range(octaves):
        side = cells << octave
        if octave:
            field = cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)
        field += weight * rng.normal((side, side))
        total += weight**2
        weight *= gain
    interpolation = cv2.INTER_CUBIC if side < size else cv2.INTER_AREA
    return cv2.resize(field, (size, size), interpolation=interpolation) * np.float32(1.25 / total**0.5)


def grain(rng: RandomStream, size: int, cells: int) -> np.ndarray:
    """Noise at one fine scale, `cells` across the image; (size, size) float32, standard deviation about 1."""
    field = rng.normal((cells, cells))
    interpolation = cv2.INTER_CUBIC if cells < size else cv2.INTER_AREA
    return cv2.resize(field, (size, size), interpolation=interpolation)


def smoothstep(low: float | np.floating, high: float | np.floating, values: np.ndarray) -> np.ndarray:
    """Smoothstep: 0 below `low`, 1 above `high`, a cubic rise between; reversed where `low` > `high`."""
    t = np.clip((values - low) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; `sigma` in pixels. Large ones are computed on a downsampled field."""
    if sigma < 0.3:
        return field
    shrink = int(sigma // 4) + 1
    if shrink == 1:
        return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    height, width = field.shape[:2]
    small = cv2.resize(field, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
