"""Predictions of a run on corrupted and attacked versions of photos."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hvit.calibration import softmax
from hvit.data.corruptions import STRENGTHS, corrupt, corruption_named
from hvit.data.corruptions.ground import leaf_mask_from_color
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.attacks import EPSILONS, attacked_inputs
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.predict import predict_inputs, predict_pixels
from hvit.scoring.robustness_records import CLEAN
from hvit.verdicts import verdicts

MAX_SIDE_PX = 384  # square root of the area of downscaled photos: about twice the serving size of runs
LeafMask = Callable[[np.ndarray], np.ndarray]
Predict = Callable[[Sequence[np.ndarray]], ModelOutputs]  # photos (H, W, 3) uint8 to logits and features


@dataclass(frozen=True)
class StressPrediction:
    """Prediction on one version of a photo.

    Attributes:
        kind: of `hvit.data.corruptions.CORRUPTIONS` or `hvit.scoring.attacks.ATTACKS`, or `CLEAN`.
        strength: 1 to 5; 0 of the photo as it is.
        label: the most likely class.
        probability: of `label`, calibrated.
        verdict: named, unsure or unfamiliar.
        prediction_set: classes, most likely first.
    """

    kind: str
    strength: int
    label: str
    probability: float
    verdict: str
    prediction_set: tuple[str, ...]


def working_copy(pixels: np.ndarray) -> np.ndarray:
    """Downscales a photo (H, W, 3) uint8 to an area of at most `MAX_SIDE_PX` squared, enough for every model."""
    side = math.sqrt(pixels.shape[0] * pixels.shape[1])
    if side <= MAX_SIDE_PX:
        return pixels
    height, width = (max(16, round(length * MAX_SIDE_PX / side)) for length in pixels.shape[:2])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def predict_clean(
    checkpoint: Checkpoint, photos: Sequence[np.ndarray], predict: Predict | None = None
) -> list[StressPrediction]:
    """Predicts unchanged photos, each (H, W, 3) uint8; `predict` as in `predict_corrupted`."""
    found = _predictions(checkpoint, _predicted(checkpoint, photos, predict))
    return [StressPrediction(CLEAN, 0, *prediction) for prediction in found]


def predict_corrupted(
    checkpoint: Checkpoint,
    photos: Sequence[np.ndarray],
    indices: Sequence[int],
    kind: str,
    seed: int = 0,
    leaf_mask: LeafMask = leaf_mask_from_color,
    predict: Predict | None = None,
) -> list[list[StressPrediction]]:
    """Predicts photos under one corruption, (photos, strengths 1 to 5).

    Args:
        photos: each (H, W, 3) uint8, from `working_copy`.
        indices: of `hvit.data.corruptions.corrupt`, one a photo.
        leaf_mask: photo -> mask (H, W) bool, for the corruption that replaces the background.
        predict: computes logits and features, see `hvit.scoring.onnx_outputs`; PyTorch does where left out.
    Raises:
        ValueError: the kind is unknown.
    """
    versions = []
    for photo, index in zip(photos, indices, strict=True):
        masks = leaf_mask(photo)[None] if corruption_named(kind).needs_mask else None
        versions += [corrupt(photo[None], kind, strength, seed, [index], masks)[0] for strength in STRENGTHS]
    return _by_photo(kind, _predictions(checkpoint, _predicted(checkpoint, versions, predict)))


def predict_attacked(
    checkpoint: Checkpoint,
    photos: Sequence[np.ndarray],
    labels: Sequence[int],
    indices: Sequence[int],
    attack: str,
    seed: int = 0,
    batch_size: int = 32,
) -> list[list[StressPrediction]]:
    """Predicts photos under one attack, (photos, strengths 1 to 5); see `attacks.attacked_inputs`."""
    by_strength = [
        attacked_inputs(checkpoint, photos, labels, attack, epsilon, seed=seed, indices=indices) for epsilon in EPSILONS
    ]
    versions = [inputs[row] for row in range(len(photos)) for inputs in by_strength]
    return _by_photo(attack, _predictions(checkpoint, predict_inputs(checkpoint, versions, batch_size)))


def _predicted(checkpoint: Checkpoint, photos: Sequence[np.ndarray], predict: Predict | None) -> ModelOutputs:
    return predict_pixels(checkpoint, photos) if predict is None else predict(photos)


def _predictions(checkpoint: Checkpoint, outputs: ModelOutputs) -> list[tuple[str, float, str, tuple[str, ...]]]:
    """Label, probability, verdict and prediction set of each photo."""
    probs = softmax(outputs.logits, checkpoint.temperature)
    found = verdicts(checkpoint, probs, outputs.stage_features, outputs.photo_logits)
    order = np.argsort(-probs, axis=1, kind="stable")
    return [
        (
            checkpoint.classes[order[row, 0]],
            float(probs[row, order[row, 0]]),
            str(found.words[row]),
            tuple(checkpoint.classes[k] for k in order[row] if found.sets[row, k]),
        )
        for row in range(len(probs))
    ]


def _by_photo(kind: str, predictions: list[tuple[str, float, str, tuple[str, ...]]]) -> list[list[StressPrediction]]:
    found = [
        StressPrediction(kind, STRENGTHS[i % len(STRENGTHS)], *prediction) for i, prediction in enumerate(predictions)
    ]
    return [found[start : start + len(STRENGTHS)] for start in range(0, len(found), len(STRENGTHS))]
