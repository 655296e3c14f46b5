"""Leaf masks from the segmentation head of a run, for changes of the background."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from hvit.data.inputs import model_inputs, stacked
from hvit.models import has_attention
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.severity.masks import masks_of
from hvit.severity.segmentation import class_probabilities, detail_image, resized_probabilities
from hvit.severity.single_leaf import LeafStatistics, largest_region

BY_COLOR = "color"  # in place of the name of a run: Otsu's threshold, see `hvit.data.corruptions.ground`


@dataclass(frozen=True)
class LeafMasks:
    """Masks of one photo.

    Attributes:
        leaf: every pixel that is leaf, (H, W) bool.
        symptom: those of them that show symptoms, (H, W) bool; None where they were not looked for.
        problem: why this is no single leaf that stands apart from its background, in words; None where it is.
    """

    leaf: np.ndarray
    symptom: np.ndarray | None
    problem: str | None

    @property
    def single_leaf(self) -> np.ndarray:
        """The largest region of `leaf`, (H, W) bool."""
        return largest_region(self.leaf)


def run_that_segments(checkpoint: Checkpoint, named: str | None) -> Checkpoint | None:
    """The run whose segmentation head finds leaves in the photos of another run; None where color does.

    Args:
        checkpoint: of the run that is tested.
        named: a run, or `BY_COLOR`; None for the run itself where it has a head, and else for color.
    Raises:
        ValueError: the run has no usable head, or there is no run of that name.
    """
    if named == BY_COLOR:
        return None
    if named is not None:
        checkpoint = load_checkpoint(find_run(named).path, checkpoint.device)
    elif checkpoint.severity is None and checkpoint.severity_problem is None:
        return None
    segmented(checkpoint)  # raises where its head cannot be used
    return checkpoint


def segmented(checkpoint: Checkpoint) -> Callable[[np.ndarray], LeafMasks]:
    """Function from a photo (H, W, 3) uint8 to its masks by the segmentation head of a run.

    Raises:
        ValueError: the run has no usable segmentation head.
    """
    severity, model = checkpoint.severity, checkpoint.model
    if severity is None or not has_attention(model):
        reason = checkpoint.severity_problem or "it was trained without one"
        raise ValueError(f"run {checkpoint.name} has no segmentation head ({reason}); name a run that has one")
    head, preprocessing, threshold = severity.head, checkpoint.preprocessing, severity.symptom_threshold

    @torch.inference_mode()
    def masks(pixels: np.ndarray) -> LeafMasks:
        inputs = stacked([model_inputs(pixels, preprocessing, checkpoint.spectral)], checkpoint.device)
        detail = stacked([(detail_image(pixels, preprocessing),)], checkpoint.device)[0]
        feature_maps = model.forward_pyramid(*inputs)[2]
        probabilities = resized_probabilities(class_probabilities(head, feature_maps, detail)[0], *pixels.shape[:2])
        leaf, symptom = masks_of(probabilities, threshold)
        problem = LeafStatistics.of(leaf, 1 - probabilities[:, :, 0]).reason_against()
        return LeafMasks(leaf, symptom, problem)

    return masks


def segmented_leaf_mask(checkpoint: Checkpoint) -> Callable[[np.ndarray], np.ndarray]:
    """Function from a photo (H, W, 3) uint8 to its leaf mask (H, W) bool, see `segmented`."""
    masks = segmented(checkpoint)
    return lambda pixels: masks(pixels).leaf
