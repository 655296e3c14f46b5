"""Scores of segmented leaves: intersection over union of leaf and symptom, and the areas they enclose."""

from dataclasses import dataclass

import numpy as np

from hvit.severity.masks import masks_of


@dataclass(frozen=True)
class MaskCounts:
    """Pixel counts of predicted and true masks, one row a photo.

    Attributes:
        leaf: pixels of true leaf, of predicted leaf, and of both (symptoms are part of the leaf), (N, 3).
        symptom: the same of symptoms, (N, 3).
        pixels: of each photo, (N,).
        leaf_known: whether the true mask distinguishes leaf from background, (N,) bool.
    """

    leaf: np.ndarray
    symptom: np.ndarray
    pixels: np.ndarray
    leaf_known: np.ndarray

    def leaf_iou(self) -> float | None:
        """Intersection over union of the leaf over the pixels of all photos; None where no mask shows it."""
        return pooled_iou(self.leaf[self.leaf_known])

    def symptom_iou(self) -> float | None:
        """Intersection over union of symptoms over the pixels of all photos; None without any."""
        return pooled_iou(self.symptom)

    def true_area(self) -> np.ndarray:
        """Symptom share of the leaf, (N,); NaN where the leaf is not known or empty."""
        return _share(self.symptom[:, 0], np.where(self.leaf_known, self.leaf[:, 0], 0))

    def predicted_area(self) -> np.ndarray:
        """Predicted symptom share of the predicted leaf, (N,); NaN without a leaf."""
        return _share(self.symptom[:, 1], self.leaf[:, 1])

    def __getitem__(self, rows: np.ndarray) -> "MaskCounts":
        return MaskCounts(self.leaf[rows], self.symptom[rows], self.pixels[rows], self.leaf_known[rows])


def count_pixels(predicted: np.ndarray, shares: np.ndarray, symptom_threshold: float = 0.5) -> np.ndarray:
    """Pixel counts of one photo.

    Args:
        predicted: probabilities of background, leaf and symptom, (H, W, 3).
        shares: of the true mask, (H, W, 3), in [0, 1].
        symptom_threshold: probability from which a pixel of the leaf is symptomatic.
    Returns:
        Leaf pixels true, predicted and both; symptom pixels true, predicted and both, (6,) int64.
    """
    leaf, symptom = masks_of(predicted, symptom_threshold)
    true_symptom = shares[:, :, 2] >= 0.5
    true_leaf = shares[:, :, 1] + shares[:, :, 2] >= 0.5
    counts = [true_leaf.sum(), leaf.sum(), (true_leaf & leaf).sum()]
    counts += [true_symptom.sum(), symptom.sum(), (true_symptom & symptom).sum()]
    return np.array(counts, dtype=np.int64)


def pooled_iou(counts: np.ndarray) -> float | None:
    """Intersection over union of summed pixel counts (N, 3): true, predicted, both; None where all are 0."""
    if len(counts) == 0:
        return None
    true, predicted, both = (int(v) for v in counts.sum(0))
    union = true + predicted - both
    return None if union == 0 else both / union


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
