"""Single-leaf check: whether a photo shows one leaf that is separate from its background."""

from dataclasses import dataclass

import cv2
import numpy as np

MIN_LEAF_FRACTION = 0.04  # of the photo
MAX_LEAF_FRACTION = 0.95
MIN_LARGEST_SHARE = 0.85  # of all leaf pixels that the largest connected leaf holds
MAX_BORDER_SHARE = 0.40  # of the photo's border that is leaf: a strap leaf leaves the frame on two sides
MAX_DOUBT = 0.12  # mean uncertainty of leaf against background

NO_LEAF = "no leaf was found"
SEVERAL = "several leaves; photograph one leaf alone"
FILLS = "the leaf fills the photo, so its outline is not visible"
CROPPED = "the leaf is cut off by the edge of the photo, or leaves overlap"
NOT_FINITE = "the severity head computes no finite probabilities; train it again: python -m training.segment"
UNCLEAR = "the leaf does not stand out clearly from its background"


@dataclass(frozen=True)
class LeafStatistics:
    """Shape of a leaf mask.

    Attributes:
        leaf_fraction: share of the photo that is leaf.
        largest_share: share of the leaf pixels in the largest connected region.
        border_share: share of the photo's border pixels that are leaf.
        doubt: mean of 1 - |2 p - 1| over the photo, where p is the probability of leaf: 0 is certain, 1 undecided.
    """

    leaf_fraction: float
    largest_share: float
    border_share: float
    doubt: float

    @classmethod
    def of(cls, leaf: np.ndarray, leaf_probability: np.ndarray) -> "LeafStatistics":
        """Computes the statistics from a leaf mask (H, W) bool and its probabilities (H, W)."""
        area = int(leaf.sum())
        count, _, stats, _ = cv2.connectedComponentsWithStats(leaf.astype(np.uint8), connectivity=8)
        largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
        border = np.concatenate([leaf[0], leaf[-1], leaf[1:-1, 0], leaf[1:-1, -1]])
        return cls(
            leaf_fraction=area / leaf.size,
            largest_share=largest / area if area else 0.0,
            border_share=float(border.mean()),
            doubt=float((1 - np.abs(2 * leaf_probability - 1)).mean()),
        )

    def reason_against(self) -> str | None:
        """The reason why the leaf's area is unreliable; None for a single leaf."""
        if self.leaf_fraction < MIN_LEAF_FRACTION:
            return NO_LEAF
        if self.leaf_fraction > MAX_LEAF_FRACTION:
            return FILLS
        if self.border_share > MAX_BORDER_SHARE:
            return CROPPED
        if self.doubt > MAX_DOUBT:
            return UNCLEAR
        return SEVERAL if self.largest_share < MIN_LARGEST_SHARE else None


def largest_region(mask: np.ndarray) -> np.ndarray:
    """Largest 8-connected region of a mask (H, W) bool; empty for an empty mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 1:
        return np.zeros_like(mask, dtype=bool)
    region: np.ndarray = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return region
