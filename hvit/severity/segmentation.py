"""Segmentation of a leaf photo: class probabilities from the feature maps of one forward pass."""

import cv2
import numpy as np
import torch
from torch import Tensor

from hvit.data.preprocess import Preprocessing
from hvit.models.segmentation import DETAIL_SCALE, SegmentationHead


def detail_image(pixels: np.ndarray, preprocessing: Preprocessing) -> Tensor:
    """The photo at twice the resolution of the model's input, normalized: the detail input of the head.

    Args:
        pixels: upright RGB, (H, W, 3) uint8.
    Returns:
        (3, 2h, 2w) float32, where the model's input is (h, w).
    """
    height, width = (DETAIL_SCALE * side for side in preprocessing.sides(*pixels.shape[:2]))
    by = min(pixels.shape[0] // height, pixels.shape[1] // width)
    if by > 1:  # by a whole number first, which OpenCV averages several times faster than other factors
        rows, columns = pixels.shape[0] // by, pixels.shape[1] // by
        pixels = cv2.resize(pixels[: rows * by, : columns * by], (columns, rows), interpolation=cv2.INTER_AREA)
    shrinks = height < pixels.shape[0] or width < pixels.shape[1]
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return preprocessing.normalize(torch.from_numpy(resized).permute(2, 0, 1)[None])[0]


@torch.inference_mode()
def class_probabilities(head: SegmentationHead, feature_maps: list[Tensor], detail: Tensor) -> np.ndarray:
    """Probabilities of background, leaf and symptom, (B, h, w, 3) float32, at the resolution of the model's input."""
    logits = head(feature_maps, detail)
    probabilities: np.ndarray = logits.float().softmax(1).permute(0, 2, 3, 1).cpu().numpy()
    return probabilities


def resized_probabilities(probabilities: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w, 3) resized to the photo: (height, width, 3), bilinear."""
    resized: np.ndarray = cv2.resize(probabilities, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized
