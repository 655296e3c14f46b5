"""Predicts masks of cached photos with a segmentation head, and counts pixels or collects probabilities."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hvit.data.preprocess import Preprocessing
from hvit.data.transfer import to_device
from hvit.models.segmentation import SegmentationHead
from hvit.scoring.segmentation import MaskCounts, count_pixels
from hvit.severity.segmentation import class_probabilities, detail_image, resized_probabilities
from training.parallel.world import World
from training.segmentation.mask_datasets import MaskedPhotos


class Encoder(Protocol):
    """What a segmentation head stands on: the backbone of a run, or a timm encoder."""

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Normalized RGB (B, 3, H, W) -> maps (B, C_s, H/s, W/s) at strides 4, 8, 16 and 32."""


@dataclass(frozen=True)
class Segmenter:
    """Segmentation network in evaluation mode, with the preprocessing of its photos."""

    encoder: Encoder
    head: SegmentationHead
    preprocessing: Preprocessing


def predict_counts(
    segmenter: Segmenter,
    data: MaskedPhotos,
    photos: np.ndarray,
    world: World,
    heartbeat: Callable[[], None] = lambda: None,
) -> MaskCounts:
    """Pixel counts of some photos; processes divide them, and all must call it at the same point.

    Args:
        photos: numbers in `data`, (N,).
        heartbeat: called for each photo, as a sign of progress.
    Returns:
        Counts in the order of `photos`, on every process.
    """
    counts = torch.zeros(len(photos), 6, dtype=torch.float64)
    own = range(world.rank, len(photos), world.size)
    for row, probabilities in zip(own, predict(segmenter, data, photos[list(own)])):
        heartbeat()
        shares = data.masks[photos[row]].astype(np.float32) / 255
        counts[row] = torch.from_numpy(count_pixels(resized_probabilities(probabilities, *shares.shape[:2]), shares))
    table = world.sum(counts.to(world.device)).cpu().numpy().astype(np.int64)
    sizes = data.photos.sizes[photos].prod(1)
    return MaskCounts(table[:, :3], table[:, 3:], sizes, data.leaf_known[photos])


@torch.inference_mode()
def predict(segmenter: Segmenter, data: MaskedPhotos, photos: np.ndarray) -> Iterator[np.ndarray]:
    """Class probabilities of each photo at the model's input size, (h, w, 3) float32, in the order of `photos`."""
    head, preprocessing = segmenter.head, segmenter.preprocessing
    device = next(head.parameters()).device
    for i in photos:
        pixels = np.ascontiguousarray(data.photos[i])
        maps = segmenter.encoder.feature_maps(to_device(preprocessing(pixels)[None], device))
        yield class_probabilities(head, maps, to_device(detail_image(pixels, preprocessing)[None], device))[0]
