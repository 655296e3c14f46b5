"""Measures photos with the severity head of a finished run, and compares them with their masks."""

import numpy as np
import torch

from hvit.data.datasets.masks import MaskSample
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.segmentation import count_pixels
from hvit.severity.records import HEAD, MeasuredPhoto
from hvit.severity.segmentation import class_probabilities, detail_image, resized_probabilities

RENDERED, RENDERED_GROUP = "leafsim-", "LeafSim"


def with_head(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint, if it measures severity.

    Raises:
        ValueError: it has no segmentation head, or a damaged one; says which.
    """
    if checkpoint.severity is None:
        raise ValueError(checkpoint.severity_problem or f"run {checkpoint.name} has no severity head")
    return checkpoint


def predict_probabilities(checkpoint: Checkpoint, pixels: np.ndarray) -> np.ndarray:
    """Class probabilities of a photo (H, W, 3) uint8 at the resolution of the model's input, (h, w, 3) float32."""
    assert checkpoint.severity is not None
    with torch.inference_mode():
        maps = checkpoint.model.feature_maps(checkpoint.preprocessing(pixels)[None].to(checkpoint.device))
    detail = detail_image(pixels, checkpoint.preprocessing)[None].to(checkpoint.device)
    found: np.ndarray = class_probabilities(checkpoint.severity.head, maps, detail)[0]
    return found


def measure_photo(checkpoint: Checkpoint, sample: MaskSample) -> MeasuredPhoto:
    """Measures one photo with a mask; the interval is that of the crop which the data set is named after.

    A mask without a pixel of leaf around its symptoms is taken for one that does not tell leaf from background.
    """
    assert checkpoint.severity is not None
    photo, estimator = sample.photo.read(), checkpoint.severity
    shares = sample.read().pixels.astype(np.float32) / 255
    probabilities = predict_probabilities(checkpoint, photo.pixels)
    full = resized_probabilities(probabilities, *shares.shape[:2])
    counts = [int(count) for count in count_pixels(full, shares, estimator.symptom_threshold)]
    severity, reason = estimator.estimate(probabilities, group_name(sample.source, {}))
    leaf_known = sample.source.startswith(RENDERED) or bool(shares[:, :, 1].any())
    area, low, high, lesions = None, None, None, None
    if severity is not None and leaf_known:
        area, low, high, lesions = severity.lesion_fraction, severity.low, severity.high, severity.lesions
    leaf_true, leaf, leaf_both, *symptom_counts = counts
    known = leaf_true if leaf_known else 0, leaf, leaf_both if leaf_known else 0
    return MeasuredPhoto(
        sample.relative, photo.sha256, sample.source, sample.label, HEAD, leaf_known, int(np.prod(shares.shape[:2])),
        *known, *symptom_counts, true_area(shares) if leaf_known else None, area, low, high, lesions, reason,
    )  # fmt: skip


def true_area(shares: np.ndarray) -> float | None:
    """Symptom share of the leaf of a mask (H, W, 3); None without a leaf."""
    leaf = float((shares[:, :, 1] + shares[:, :, 2] >= 0.5).sum())
    return float((shares[:, :, 2] >= 0.5).sum()) / leaf if leaf else None


def group_name(source: str, crops: dict[str, str]) -> str:
    """Calibration group of a data set: the crop it shows, or LeafSim for rendered leaves, or its own name."""
    if source in crops:
        return crops[source]
    return RENDERED_GROUP if source.startswith(RENDERED) else source
