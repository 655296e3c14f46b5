"""Lighting and color in linear sRGB: exposure, contrast, color cast, and shade with sun flecks."""

import math

import cv2
import numpy as np

from hvit.data.corruptions.optics import window
from hvit.data.corruptions.sensor import rounded
from hvit.data.leafsim.color import encoded
from hvit.data.leafsim.noise import fractal, smoothstep
from hvit.data.leafsim.random_stream import RandomStream

_TONES = np.arange(256, dtype=np.float64) / 255
LINEAR = np.where(_TONES <= 0.04045, _TONES / 12.92, ((_TONES + 0.055) / 1.055) ** 2.4)  # of each of 256 values
FLECKS, FLECK_GAIN = 14, 1.2
DARKEST, STEPS_A_STOP = -4, 48  # stops, of the table below
_GAINS = 2.0 ** (DARKEST + np.arange(6 * STEPS_A_STOP) / STEPS_A_STOP)
_RELIT = rounded(255 * encoded(np.minimum(LINEAR * _GAINS[:, None], 1)))  # of a gain and a value


def exposure(image: np.ndarray, stops: float, stream: RandomStream) -> np.ndarray:
    """Multiplies light by 2 to the power of `stops` or -`stops`, with equal probability: over- or underexposure."""
    return _with_gains(image, [2.0 ** (stops if stream.chance(0.5) else -stops)] * 3)


def contrast(image: np.ndarray, factor: float, stream: RandomStream) -> np.ndarray:
    """Scales the difference of every value from the mean of its channel (Hendrycks & Dietterich 2019)."""
    mean = cv2.mean(image)[:3]
    values = np.arange(256, dtype=np.float64)
    tables = [rounded(values * factor + level * (1 - factor)) for level in mean]
    return cv2.LUT(image, np.stack(tables, axis=1)[None])


def color_cast(image: np.ndarray, stops: float, stream: RandomStream) -> np.ndarray:
    """Wrong white balance: channel gains that differ by up to 2 x `stops`, of a random hue."""
    hue = stream.uniform(0, 2 * math.pi)
    return _with_gains(image, [2.0 ** (stops * math.cos(hue - turn * 2 * math.pi / 3)) for turn in range(3)])


def shade(image: np.ndarray, lost: float, stream: RandomStream) -> np.ndarray:
    """Canopy shade over half of the photo, with flecks of direct sun; `lost` is the fraction of light lost."""
    height, width = image.shape[:2]
    field = fractal(stream, max(height, width), 2, 4, 0.5)[:height, :width]
    shadow = smoothstep(-0.25, 0.25, field - np.median(field))
    flecks = _flecks(height, width, stream) * shadow
    light = (1 - np.float32(lost) * (shadow - flecks)) * (1 + np.float32(FLECK_GAIN * lost) * flecks)
    steps = np.rint((np.log2(np.maximum(light, 2.0**DARKEST)) - DARKEST) * STEPS_A_STOP).astype(np.intp)
    return _RELIT[np.minimum(steps, len(_RELIT) - 1)[..., None], image]


def _flecks(height: int, width: int, stream: RandomStream) -> np.ndarray:
    """Round sun flecks with soft edges, (H, W) float32 in [0, 1]."""
    side = math.sqrt(height * width)
    spots: np.ndarray = np.zeros((height, width), np.float32)
    for _ in range(FLECKS):
        x, y, radius = stream.uniform(0, width), stream.uniform(0, height), stream.uniform(0.02, 0.06) * side
        part = window(x, y, 1.2 * radius, height, width)
        rows, columns = np.mgrid[part]
        distance = np.hypot(columns - x, rows - y).astype(np.float32) / np.float32(radius)
        spots[part] = np.maximum(spots[part], smoothstep(1.2, 0.7, distance))
    return spots


def _with_gains(image: np.ndarray, gains: list[float]) -> np.ndarray:
    """Multiplies the linear light of each channel, by a table of 256 values."""
    tables = [rounded(255 * encoded(np.minimum(LINEAR * gain, 1))) for gain in gains]
    return cv2.LUT(image, np.stack(tables, axis=1)[None])
