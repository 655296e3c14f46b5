"""Whether a map lies where the symptoms are, on photos whose symptoms are known pixel by pixel, as LeafSim's are.

Photos are resized whole on their way to the model, never cropped or padded. A map over the model's input is therefore
one over the photo, and is compared at the pixels of the masks.
"""

import numpy as np

from hvit.data.leafsim import DrawnLeaf
from hvit.explain.color_scale import resampled
from hvit.explain.explanation import Explanation
from hvit.explain.faithfulness import strongest_first

AREAS = ("lesion", "healthy_leaf", "background")
TOLERANCE = 0.05  # of the side of a square as large as the photo: 8 px of 160


def areas_of(leaf: DrawnLeaf) -> dict[str, np.ndarray]:
    """The three `AREAS` of a drawn leaf, (S, S) bool each; every pixel is in one of them."""
    healthy = leaf.leaf_mask & ~leaf.symptom_mask
    return {"lesion": leaf.symptom_mask, "healthy_leaf": healthy, "background": ~leaf.leaf_mask}


def shares_on(explanation: Explanation, areas: dict[str, np.ndarray]) -> dict[str, float] | None:
    """Share of what speaks for the answer that lies on each area; None where nothing speaks for it.

    Args:
        areas: masks (H, W) of the photo that fill it; an even map has their own shares of the pixels.
    Returns:
        By area, summing to 1.
    """
    positive = resampled(np.maximum(explanation.values, 0), *next(iter(areas.values())).shape).astype(float)
    total = positive.sum()
    if total == 0:
        return None
    return {name: float(positive[mask].sum() / total) for name, mask in areas.items()}


def points_at(explanation: Explanation, mask: np.ndarray, tolerance: float = TOLERANCE) -> float | None:
    """The pointing game (Zhang et al. 2016, arXiv:1608.00507): whether the strongest place lies on a lesion.

    Args:
        mask: of the lesions, (H, W) bool.
        tolerance: how far the middle of the place may be from the next pixel of a lesion, as a share of the side of a
            square as large as the photo.
    Returns:
        1 or 0; the share of hits where several places are equally strong; None where there is no lesion.
    """
    if not mask.any():
        return None
    lesion = np.argwhere(mask) + 0.5
    values = explanation.values
    cell = np.array(mask.shape) / values.shape
    middles = (np.argwhere(values == values.max()) + 0.5) * cell
    nearest = [np.sqrt(((lesion - middle) ** 2).sum(1).min()) for middle in middles]
    return float(np.mean(np.array(nearest) <= tolerance * mask.size**0.5))


def overlap(explanation: Explanation, mask: np.ndarray) -> float | None:
    """Intersection over union of the lesions and the strongest places of as large an area; None without a lesion."""
    count = int(mask.sum())
    if count == 0:
        return None
    shared = int(mask.flat[strongest_first(explanation.values, *mask.shape)[:count]].sum())
    return shared / (2 * count - shared)
