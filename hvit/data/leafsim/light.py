"""Lighting: one light source on a height map, with diffuse, ambient and specular reflection."""

from dataclasses import dataclass

import cv2
import numpy as np

from hvit.data.leafsim.random_stream import RandomStream


@dataclass(frozen=True)
class Light:
    """A light source: direction and hardness.

    Attributes:
        direction: unit vector to the source: across, down, towards the camera.
        ambient: share that comes from everywhere.
        sharpness: exponent of the glossy reflection.
    """

    direction: np.ndarray
    ambient: float
    sharpness: float

    @property
    def shadow_offset(self) -> np.ndarray:
        """Displacement of a shadow per unit of height: across, down."""
        return -self.direction[:2] / max(float(self.direction[2]), 0.35)


def light(rng: RandomStream) -> Light:
    """Sun, lamp or overcast sky."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(26, 68))
    direction = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], np.float32
    )
    return Light(direction, rng.uniform(0.18, 0.62), rng.uniform(8, 40))


def shading(source: Light, height: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of a height map under a light.

    Args:
        height: in leaf lengths, (S, S) float32.
        length: of a leaf length, in pixels.
    Returns:
        Diffuse factor, 1 on flat ground, and glossy reflection, each (S, S) float32.
    """
    scale = float(length) / 8  # Sobel sums to eight steps of one pixel
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=scale)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=scale)
    norm = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    lx, ly, lz = (float(v) for v in source.direction)
    facing = np.maximum(lz - lx * slope_x - ly * slope_y, 0) * norm
    diffuse = source.ambient + (1 - source.ambient) * facing / np.float32(lz)
    half = source.direction + np.array([0, 0, 1], np.float32)
    hx, hy, hz = (float(v) for v in half / np.linalg.norm(half))
    glossy = np.maximum(hz - hx * slope_x - hy * slope_y, 0) * norm
    return np.minimum(diffuse, 2.2), (1 - source.ambient) * glossy ** np.float32(source.sharpness)
