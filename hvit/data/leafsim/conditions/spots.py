"""Positions of spots, and the distance of every pixel to the nearest one (a Voronoi map)."""

from dataclasses import dataclass

import cv2
import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.random_stream import RandomStream

MAP = 320  # side of the map in leaf coordinates that finds the nearest spot
LOW, HIGH = np.array([-0.3, -0.7]), np.array([1.3, 0.9])


@dataclass(frozen=True)
class Spots:
    """Nearest spot of every pixel.

    Attributes:
        which: index of the nearest spot, (S, S) int.
        distance: to its border as a share of its radius, (S, S) float32: 0 in the middle, 1 at the border.
        angle: direction from its middle, radians, (S, S) float32.
    """

    which: np.ndarray
    distance: np.ndarray
    angle: np.ndarray

    def each(self, values: np.ndarray) -> np.ndarray:
        """Looks up a value per spot for every pixel, (S, S) float32."""
        field: np.ndarray = values.astype(np.float32)[self.which]
        return field


def scatter(blade: Blade, rng: RandomStream, number: int, density: np.ndarray | None = None) -> np.ndarray:
    """Samples up to `number` positions on the leaf in leaf coordinates, (N, 2), by rejection sampling.

    Args:
        density: probability density, (S, S) in [0, 1]; uniform where None.
    """
    size = blade.pose.size
    tries = 12 * number + 64
    rows, columns = (rng.uniform(0, size, (2, tries))).astype(int)
    luck = rng.uniform(size=tries)
    likely = blade.cover[rows, columns] > 0.9
    if density is not None:
        likely &= luck < density[rows, columns]
    chosen = np.flatnonzero(likely)[:number]
    return np.stack([blade.x[rows[chosen], columns[chosen]], blade.y[rows[chosen], columns[chosen]]], 1)


def spots(
    blade: Blade, centers: np.ndarray, radii: np.ndarray, rough: float, stretch: float = 1.0, square: float = 0.0
) -> Spots:
    """Computes the nearest spot, distance and direction for every pixel.

    Args:
        centers: leaf coordinates, (N, 2), N at least 1.
        radii: in leaf lengths, across the leaf, (N,).
        rough: how irregular the borders are; 0 gives circles.
        stretch: how many times longer than wide along the leaf.
        square: 0 for ellipses, 1 for rectangles.
    """
    scale = MAP / (HIGH - LOW)
    width = max(8, int(MAP / stretch))
    cells = ((centers - LOW) * scale * [width / MAP, 1]).astype(int)
    seeds = np.ones((MAP, width), np.uint8)
    rows, columns = np.clip(cells[:, 1], 0, MAP - 1), np.clip(cells[:, 0], 0, width - 1)
    seeds[rows, columns] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    number_of = np.zeros(int(labels.max()) + 1, np.float32)
    number_of[labels[rows, columns]] = np.arange(len(centers))
    wiggle = np.float32(rough * float(np.mean(radii)))
    x = blade.x + wiggle * stretch * blade.warp[0]
    y = blade.y + wiggle * blade.warp[1]
    across = (x - np.float32(LOW[0])) * np.float32(scale[0] * width / MAP) - 0.5
    down = (y - np.float32(LOW[1])) * np.float32(scale[1]) - 0.5
    nearest = cv2.remap(number_of[labels], across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    which = nearest.astype(np.intp)
    table = np.concatenate([centers, 1 / radii[:, None]], 1).astype(np.float32)[which]
    dx = (x - table[..., 0]) * (table[..., 2] / np.float32(stretch))
    dy = (y - table[..., 1]) * table[..., 2]
    distance = np.sqrt(dx**2 + dy**2)
    if square:
        distance += np.float32(square) * (np.maximum(np.abs(dx), np.abs(dy)) - distance)
    return Spots(which, distance, np.arctan2(dy, dx))
