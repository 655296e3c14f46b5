"""Coverings of leaf or lens: water drops and dust."""

import cv2
import numpy as np

from hvit.data.corruptions.optics import side_px, window
from hvit.data.corruptions.sensor import rounded
from hvit.data.leafsim.noise import fractal, grain, smoothstep
from hvit.data.leafsim.random_stream import RandomStream

DROPS, REACH = 45, 2.2  # a drop shows its surroundings upside down, within this many radii
DUST_RGB = np.array([196, 181, 154], np.float32)
FILM = 0.35  # opacity of the film between grains, relative to that of the grains


def water_drops(image: np.ndarray, size: float, stream: RandomStream) -> np.ndarray:
    """Water drops that refract what is behind them (upside down), with a dark rim and a highlight.

    Args:
        size: factor of their radii, which are 1.5 to 5 % of the side at 1.
    """
    height, width = image.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    source_x, source_y = across.copy(), down.copy()
    shine: np.ndarray = np.zeros((height, width), np.float32)
    rim: np.ndarray = np.zeros((height, width), np.float32)
    for _ in range(DROPS):
        x, y = stream.uniform(0, width), stream.uniform(0, height)
        radius = size * stream.uniform(0.015, 0.05) * side_px(image)
        part = window(x, y, radius, height, width)
        dx, dy = (across[part] - np.float32(x)) / radius, (down[part] - np.float32(y)) / radius
        distance = np.hypot(dx, dy)
        inside = distance < 1
        source_x[part] = np.where(inside, x - np.float32(REACH * radius) * dx, source_x[part])
        source_y[part] = np.where(inside, y - np.float32(REACH * radius) * dy, source_y[part])
        rim[part] = np.where(inside, smoothstep(0.55, 1.0, distance), rim[part])
        shine[part] = np.where(inside, smoothstep(0.28, 0.08, np.hypot(dx + 0.35, dy + 0.35)), shine[part])
    seen = cv2.remap(image, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    lit = seen * (1 - 0.45 * rim[..., None])
    return rounded(lit + 0.85 * shine[..., None] * (255 - lit))


def dust(image: np.ndarray, opacity: float, stream: RandomStream) -> np.ndarray:
    """Pale grains over a thin film; `opacity` of the grains, 0 to 1."""
    height, width = image.shape[:2]
    side = max(height, width)
    grains = smoothstep(0.2, 1.1, grain(stream, side, 90) + 0.6 * fractal(stream, side, 3, 3, 0.6))
    film = 0.75 + 0.25 * fractal(stream, side, 3, 4, 0.6)
    cover = np.clip(np.maximum(grains, FILM * film), 0, 1)[:height, :width, None] * np.float32(opacity)
    tint = DUST_RGB * (1 + 0.08 * grain(stream, side, 120)[:height, :width, None])
    return rounded(image * (1 - cover) + tint * cover)
