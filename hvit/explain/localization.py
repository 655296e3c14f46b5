"""Localization of attributions: agreement with lesion masks, which rendered leaves of LeafSim have.

Preprocessing resizes photos without cropping or padding, so an attribution of the model input spans the photo and is
compared at the pixels of the masks.
"""

import numpy as np

from hvit.data.leafsim import RenderedLeaf
from hvit.explain.color_scale import resample_area
from hvit.explain.explanation import Explanation
from hvit.explain.faithfulness import rank_cells

REGIONS = ("lesion", "healthy_leaf", "background")
TOLERANCE = 0.05  # as a fraction of the square root of the photo's area: 8 px of 160


def region_masks(leaf: RenderedLeaf) -> dict[str, np.ndarray]:
    """Masks of the three `REGIONS` of a rendered leaf, (S, S) bool each; every pixel is in exactly one."""
    healthy = leaf.leaf_mask & ~leaf.symptom_mask
    return {"lesion": leaf.symptom_mask, "healthy_leaf": healthy, "background": ~leaf.leaf_mask}


def attribution_by_region(explanation: Explanation, areas: dict[str, np.ndarray]) -> dict[str, float] | None:
    """Share of the positive attribution in each region; None where nothing is positive.

    Args:
        areas: disjoint masks (H, W) that cover the photo. A uniform map has their shares of the pixels.
    Returns:
        By region, summing to 1.
    """
    positive = resample_area(np.maximum(explanation.values, 0), *next(iter(areas.values())).shape).astype(float)
    total = positive.sum()
    if total == 0:
        return None
    return {name: float(positive[mask].sum() / total) for name, mask in areas.items()}


def pointing_game(explanation: Explanation, mask: np.ndarray, tolerance: float = TOLERANCE) -> float | None:
    """Pointing game (Zhang et al. 2016, arXiv:1608.00507): whether the maximum of the attribution is on a lesion.

    Args:
        mask: lesion mask, (H, W) bool.
        tolerance: largest distance of the center of the cell from a lesion pixel, as a fraction of the square root of
            the photo's area.
    Returns:
        1 or 0; the fraction of hits where several cells are maximal; None where there is no lesion.
    """
    if not mask.any():
        return None
    lesion = np.argwhere(mask) + 0.5
    values = explanation.values
    cell = np.array(mask.shape) / values.shape
    centers = (np.argwhere(values == values.max()) + 0.5) * cell
    nearest = [np.sqrt(((lesion - center) ** 2).sum(1).min()) for center in centers]
    return float(np.mean(np.array(nearest) <= tolerance * mask.size**0.5))


def lesion_iou(explanation: Explanation, mask: np.ndarray) -> float | None:
    """Intersection over union of the lesions and the equally large area of highest attribution; None without lesion."""
    count = int(mask.sum())
    if count == 0:
        return None
    intersection = int(mask.flat[rank_cells(explanation.values, *mask.shape)[:count]].sum())
    return intersection / (2 * count - intersection)
