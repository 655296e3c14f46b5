"""Leaf and symptom masks from class probabilities."""

import cv2
import numpy as np


def masks_of(probabilities: np.ndarray, symptom_threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Leaf and symptom masks, (H, W) bool each, from probabilities (H, W, 3); symptoms are part of the leaf.

    A pixel is leaf where leaf and symptom together are more likely than background, and symptomatic where the symptom
    has `symptom_threshold` of their sum.
    """
    on_leaf = probabilities[:, :, 1] + probabilities[:, :, 2]
    leaf = on_leaf >= 0.5
    return leaf, leaf & (probabilities[:, :, 2] >= symptom_threshold * on_leaf)


def symptom_regions(symptom: np.ndarray, most: int) -> list[np.ndarray]:
    """The largest 8-connected regions of a symptom mask (H, W) bool, largest first: at most `most` masks."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(symptom.astype(np.uint8), connectivity=8)
    order = np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable")[:most] + 1
    return [labels == number for number in order]
