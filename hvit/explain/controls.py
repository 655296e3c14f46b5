"""Maps that know nothing of the model, to hold against those of methods: what any map would reach."""

import cv2
import numpy as np
from torch import Tensor

from hvit.explain.color_scale import LIFT, resampled
from hvit.explain.explanation import Explanation

CELL_PX = 4
RANDOM_PX = 16
SPREAD = 0.25  # of the center's Gaussian: standard deviation as a share of each side


def controls(images: Tensor, seed: int) -> dict[str, Explanation]:
    """All of them for one photo, by name.

    Args:
        images: one normalised image, (1, 3, H, W), sides multiples of 16 px.
        seed: of the random one; another a photo.
    """
    return {found.method: found for found in (random(images, seed), center(images), edges(images))}


def random(images: Tensor, seed: int) -> Explanation:
    """Shares drawn for squares of 16 px, the middle of the sizes of the methods' grids."""
    height, width = (side // RANDOM_PX for side in images.shape[-2:])
    values = np.random.default_rng(seed).random((height, width))
    return _shares(values, "random", {"cell_px": RANDOM_PX, "seed": seed})


def center(images: Tensor) -> Explanation:
    """A Gaussian around the middle of the photo, where people put what they photograph."""
    height, width = (side // CELL_PX for side in images.shape[-2:])
    y, x = (((np.arange(n) + 0.5) / n - 0.5) / SPREAD for n in (height, width))
    return _shares(np.exp(-(y[:, None] ** 2 + x[None] ** 2) / 2), "center", {"cell_px": CELL_PX, "spread": SPREAD})


def edges(images: Tensor) -> Explanation:
    """Where the brightness of the photo changes (Scharr's gradient): what any eye is drawn to."""
    height, width = images.shape[-2:]
    grey = images[0].mean(0).cpu().numpy()
    slope = np.hypot(cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1))
    return _shares(resampled(slope, height // CELL_PX, width // CELL_PX), "edges", {"cell_px": CELL_PX})


def _shares(values: np.ndarray, name: str, arguments: dict) -> Explanation:
    """Values as shares of a whole; even ones where all are 0, as of a photo without edges."""
    total = values.sum()
    shares = values / total if total > 0 else np.full(values.shape, 1 / values.size)
    return Explanation(shares.astype(np.float32), name, None, arguments, LIFT, is_sum=True)
