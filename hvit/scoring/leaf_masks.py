"""Leaf masks from the segmentation head of a run, for the background corruption."""

from collections.abc import Callable

import numpy as np
import torch

from hvit.data.inputs import model_inputs, stacked
from hvit.models import has_attention
from hvit.runs.checkpoint import Checkpoint
from hvit.severity.masks import masks_of
from hvit.severity.segmentation import class_probabilities, detail_image, resized_probabilities


def segmented_leaf_mask(checkpoint: Checkpoint) -> Callable[[np.ndarray], np.ndarray]:
    """Function from a photo (H, W, 3) uint8 to its leaf mask (H, W) bool.

    Raises:
        ValueError: the run has no usable segmentation head.
    """
    severity, model = checkpoint.severity, checkpoint.model
    if severity is None or not has_attention(model):
        reason = checkpoint.severity_problem or "it was trained without one"
        raise ValueError(f"run {checkpoint.name} has no segmentation head ({reason}); name a run that has one")
    head, preprocessing = severity.head, checkpoint.preprocessing

    @torch.inference_mode()
    def leaf_mask(pixels: np.ndarray) -> np.ndarray:
        inputs = stacked([model_inputs(pixels, preprocessing, checkpoint.spectral)], checkpoint.device)
        detail = stacked([(detail_image(pixels, preprocessing),)], checkpoint.device)[0]
        feature_maps = model.forward_pyramid(*inputs)[2]
        probabilities = class_probabilities(head, feature_maps, detail)[0]
        return masks_of(resized_probabilities(probabilities, *pixels.shape[:2]))[0]

    return leaf_mask
