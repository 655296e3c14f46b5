"""Sensor and file artifacts: noise, JPEG compression, and photos of a screen."""

import math

import cv2
import numpy as np

from hvit.data.leafsim.noise import blurred
from hvit.data.leafsim.random_stream import RandomStream

SOFTNESS, MOIRE, SCREEN_QUALITY = 0.006, 0.34, (95, 20)  # of the full effect of `screenshot`
GLOW = 0.25


def noise(image: np.ndarray, deviation: float, stream: RandomStream) -> np.ndarray:
    """Adds independent Gaussian noise to every pixel and channel; `deviation` is a share of the range of 255."""
    return rounded(image + np.float32(255 * deviation) * stream.normal(image.shape))


def jpeg(image: np.ndarray, quality: float, stream: RandomStream) -> np.ndarray:
    """Encodes as JPEG and decodes again; `quality` from 1 to 100, rounded."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def screenshot(image: np.ndarray, amount: float, stream: RandomStream) -> np.ndarray:
    """Photo of a screen: blur, moire between the two pixel grids, glow, and JPEG artifacts.

    Args:
        amount: 0 to 1, share of the full effect.
    """
    height, width = image.shape[:2]
    softness = SOFTNESS * amount * math.sqrt(height * width)
    seen = blurred(image.astype(np.float32), softness)
    seen *= 1 + np.float32(MOIRE * amount) * _moire(height, width, stream)
    glow = np.float32(GLOW * amount) * _gradient(height, width, stream.uniform(0, 2 * math.pi))[..., None]
    seen += glow * (255 - seen)
    first, last = SCREEN_QUALITY
    return jpeg(rounded(seen), first + (last - first) * amount, stream)


def _moire(height: int, width: int, stream: RandomStream) -> np.ndarray:
    """Moire pattern of a screen and a sensor grid, slightly bent, (H, W, 3) float32 in [-1, 1]."""
    side = math.sqrt(height * width)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(side)
    waves: np.ndarray = np.zeros((height, width, 3), np.float32)
    for _ in range(2):
        angle, cycles, bend = stream.uniform(0, math.pi), stream.uniform(9, 26), stream.uniform(-4, 4)
        way = across * np.float32(math.cos(angle)) + down * np.float32(math.sin(angle))
        over = down * np.float32(math.cos(angle)) - across * np.float32(math.sin(angle))
        phase = np.float32(2 * math.pi) * (np.float32(cycles) * way + np.float32(bend) * over * over)
        for channel in range(3):  # red, green and blue stripes of a screen lie beside each other
            waves[..., channel] += np.sin(phase + np.float32(2 * math.pi * channel / 3)) / 2
    return waves


def _gradient(height: int, width: int, angle: float) -> np.ndarray:
    """Linear gradient from 0 to 1 in one direction, (H, W) float32."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    slope = across * np.float32(math.cos(angle)) + down * np.float32(math.sin(angle))
    return np.clip(0.5 + slope / 2, 0, 1)


def rounded(values: np.ndarray) -> np.ndarray:
    """Rounds and clips to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
