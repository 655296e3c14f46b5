"""Control maps that do not depend on the model: random, center and edges. Attribution methods must beat them."""

from typing import Any

import cv2
import numpy as np
from torch import Tensor

from hvit.explain.color_scale import RELATIVE_SHARE, resample_area
from hvit.explain.explanation import Explanation

CELL_PX = 4
RANDOM_PX = 16
CENTER_STD = 0.25  # of the Gaussian, as a share of each side


def control_maps(images: Tensor, seed: int) -> dict[str, Explanation]:
    """All control maps of one photo, by name.

    Args:
        images: one normalized image, (1, 3, H, W), sides multiples of 16 px.
        seed: of the random map; choose another one for each photo.
    """
    return {found.method: found for found in (random(images, seed), center(images), edges(images))}


def random(images: Tensor, seed: int) -> Explanation:
    """Uniform random map on cells of 16 px, the median cell size of the methods."""
    height, width = (side // RANDOM_PX for side in images.shape[-2:])
    values = np.random.default_rng(seed).random((height, width))
    return _shares(values, "random", {"cell_px": RANDOM_PX, "seed": seed})


def center(images: Tensor) -> Explanation:
    """Gaussian around the center of the photo, where the subject of a photo usually is."""
    height, width = (side // CELL_PX for side in images.shape[-2:])
    y, x = (((np.arange(n) + 0.5) / n - 0.5) / CENTER_STD for n in (height, width))
    return _shares(np.exp(-(y[:, None] ** 2 + x[None] ** 2) / 2), "center", {"cell_px": CELL_PX, "spread": CENTER_STD})


def edges(images: Tensor) -> Explanation:
    """Edge map: gradient magnitude of the brightness (Scharr operator)."""
    height, width = images.shape[-2:]
    grey = images[0].mean(0).cpu().numpy()
    magnitude = np.hypot(cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1))
    return _shares(resample_area(magnitude, height // CELL_PX, width // CELL_PX), "edges", {"cell_px": CELL_PX})


def _shares(values: np.ndarray, name: str, arguments: dict[str, Any]) -> Explanation:
    """Normalizes values to a sum of 1; uniform where all are 0, as in a photo without edges."""
    total = values.sum()
    shares = values / total if total > 0 else np.full(values.shape, 1 / values.size)
    return Explanation(shares.astype(np.float32), name, None, arguments, RELATIVE_SHARE, is_additive=True)
