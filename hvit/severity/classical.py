"""Leaf and symptom masks by color thresholds: the classical baseline of severity.

As in pliman (Olivoto 2022, doi:10.1111/2041-210X.13803): one index separates the leaf from the background, another
symptoms from healthy tissue; both thresholds are tuned on photos with masks. Optionally colors are first reduced to a
few clusters (k-means in CIELAB).
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

CLUSTERS = 6
CLUSTER_SEED = 0
INDICES = ("ExG", "NGRDI", "saturation", "hue", "a", "b", "value")
QUANTILES = np.linspace(0.02, 0.98, 25)  # of an index over the tuning photos: candidate thresholds
OPENING = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Threshold:
    """A threshold on a color index.

    Attributes:
        index: one of `INDICES`.
        value: the threshold.
        above: whether pixels above it are meant.
    """

    index: str
    value: float
    above: bool

    def mask(self, indices: dict[str, np.ndarray]) -> np.ndarray:
        """(H, W) bool."""
        values = indices[self.index]
        mask: np.ndarray = values > self.value if self.above else values <= self.value
        return mask


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Tuned thresholds; `leaf` is None where the tuning masks do not tell leaf from background."""

    leaf: Threshold | None
    symptom: Threshold
    clustered: bool

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Leaf and symptom masks (H, W) bool of a photo (H, W, 3) uint8; without `leaf`, all is leaf."""
        indices = color_indices(clustered(pixels) if self.clustered else pixels)
        leaf = np.ones(pixels.shape[:2], dtype=bool) if self.leaf is None else filled(self.leaf.mask(indices))
        symptom = cv2.morphologyEx(self.symptom.mask(indices).astype(np.uint8), cv2.MORPH_OPEN, OPENING) > 0
        return leaf, leaf & symptom


def color_indices(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Color indices of a photo (H, W, 3) uint8: excess green, NGRDI, HSV and CIELAB channels, (H, W) float32 each."""
    red, green, blue = (pixels[:, :, c].astype(np.float32) for c in range(3))
    total = np.maximum(red + green + blue, 1)
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV).astype(np.float32)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    return {
        "ExG": (2 * green - red - blue) / total,
        "NGRDI": (green - red) / np.maximum(green + red, 1),
        "saturation": hsv[:, :, 1],
        "hue": hsv[:, :, 0],
        "a": lab[:, :, 1],
        "b": lab[:, :, 2],
        "value": hsv[:, :, 2],
    }


def clustered(pixels: np.ndarray) -> np.ndarray:
    """Replaces colors by the nearest of `CLUSTERS` k-means centers in CIELAB, (H, W, 3) uint8."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(CLUSTER_SEED)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    start = np.zeros((len(lab), 1), np.int32)
    _, labels, centers = cv2.kmeans(lab, CLUSTERS, start, criteria, 1, cv2.KMEANS_PP_CENTERS)
    reduced = centers[labels[:, 0]].clip(0, 255).astype(np.uint8).reshape(pixels.shape)
    return cv2.cvtColor(reduced, cv2.COLOR_LAB2RGB)


def filled(mask: np.ndarray) -> np.ndarray:
    """Fills the holes of a mask (H, W) bool."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(canvas, outlines, -1, 1, thickness=cv2.FILLED)
    return canvas > 0


def tune_classical(photos: Sequence[np.ndarray], masks: Sequence[np.ndarray], leaf_known: bool) -> ClassicalSegmenter:
    """Selects index, thresholds and clustering by pooled intersection over union on the tuning photos.

    Args:
        photos: (H, W, 3) uint8.
        masks: shares of background, leaf and symptom of each, (H, W, 3) in [0, 1].
        leaf_known: whether the masks distinguish leaf from background.
    Raises:
        ValueError: there are no photos.
    """
    if not photos:
        raise ValueError("no photos to tune thresholds on")
    best: tuple[float, ClassicalSegmenter] | None = None
    for reduce in (False, True):
        tables = [color_indices(clustered(photo) if reduce else photo) for photo in photos]
        true_leaf = [mask[:, :, 1] + mask[:, :, 2] >= 0.5 for mask in masks]
        leaf, inside = None, [np.ones(mask.shape[:2], dtype=bool) for mask in masks]
        if leaf_known:
            leaf = _best_threshold(tables, true_leaf, inside)[1]
            inside = [filled(leaf.mask(table)) for table in tables]
        iou, symptom = _best_threshold(tables, [mask[:, :, 2] >= 0.5 for mask in masks], inside)
        if best is None or iou > best[0]:
            best = iou, ClassicalSegmenter(leaf, symptom, reduce)
    assert best is not None
    return best[1]


def _best_threshold(
    tables: Sequence[dict[str, np.ndarray]], truths: Sequence[np.ndarray], inside: Sequence[np.ndarray]
) -> tuple[float, Threshold]:
    best = (-1.0, Threshold(INDICES[0], 0.0, True))
    for index in INDICES:
        sampled = np.concatenate([table[index][mask][::7] for table, mask in zip(tables, inside)])
        for value, above in itertools.product(np.unique(np.quantile(sampled, QUANTILES)), (True, False)):
            threshold = Threshold(index, float(value), above)
            iou = _iou((threshold.mask(t) & i for t, i in zip(tables, inside)), truths)
            best = max(best, (iou, threshold), key=lambda pair: pair[0])
    return best


def _iou(predicted: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> float:
    both = union = 0
    for mask, truth in zip(predicted, truths):
        both += int((mask & truth).sum())
        union += int((mask | truth).sum())
    return both / union if union else 0.0
