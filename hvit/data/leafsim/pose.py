"""Pose of the leaf: transform between leaf coordinates and image pixels.

Leaf coordinates: x runs along the midrib from the base (0) to the tip (1), y to the side, both in leaf lengths.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """A leaf laid down in a picture.

    Attributes:
        size: side of the picture in pixels.
        center: where x = 0.5, y = 0 lies, (2,) pixels: across, down.
        length: of the leaf in pixels.
        angle: direction of the tip, radians.
        bend: how far the midrib bows to the side, in leaf lengths.
        tilt: how much of its width is seen, 1 is flat.
    """

    size: int
    center: np.ndarray
    length: float
    angle: float
    bend: float
    tilt: float

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Leaf coordinates (N, 2) -> pixels (N, 2): across, down."""
        along, across = points[:, 0] - 0.5, (points[:, 1] + self._bow(points[:, 0])) * self.tilt
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.center + self.length * np.stack([along * c - across * s, along * s + across * c], 1)

    def leaf_coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of every pixel, each (S, S) float32."""
        pixels = np.arange(self.size, dtype=np.float32) + 0.5
        across, down = (pixels - self.center[0]) / self.length, (pixels - self.center[1]) / self.length
        c, s = np.cos(self.angle), np.sin(self.angle)
        x = (across * c)[None, :] + (down * s + 0.5)[:, None]
        y = (down * (c / self.tilt))[:, None] - (across * (s / self.tilt))[None, :]
        return x.astype(np.float32), (y - self._bow(x)).astype(np.float32)

    def _bow(self, x: np.ndarray) -> np.ndarray:
        bow: np.ndarray = self.bend * 4 * x * (1 - x)
        return bow
