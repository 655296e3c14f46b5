"""Cross-validation of linear heads on frozen features, by group of photos."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hvit.data.datasets.splits import folds_by_group
from hvit.rejection.neighbors import NearestNeighbors
from training.frozen_features.learning_curve import Curve, learning_curve
from training.frozen_features.linear_head import LinearHead
from training.inputs.own_photos import OwnPhotos

FOLDS = 5
DRAWS = 4  # fold assignments for the learning curve; the first also evaluates the run


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold outputs of cross-validation.

    Attributes:
        folds: of each photo, (N,).
        logits: (N, K).
        strangeness: distance to the nearest photos of the other folds, (N,).
        curve: errors by how many photos were learned from.
    """

    folds: np.ndarray
    logits: np.ndarray
    strangeness: np.ndarray
    curve: Curve


def cross_validate(
    photos: OwnPhotos, seed: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> CrossValidation:
    """Predicts every photo by a head fitted to the folds without its group.

    Args:
        seed: of the folds and of the subsets.
        progress: called with the heads of the learning curve fitted and their number.
    """
    K, labels = len(photos.classes), photos.labels
    num_folds = min(FOLDS, photos.groups.max() + 1)
    divisions = [folds_by_group(photos.samples, num_folds, seed + 1000 * draw) for draw in range(DRAWS)]
    folds = divisions[0]
    logits = np.zeros((len(labels), K), dtype=np.float32)
    strangeness = np.zeros(len(labels))
    for fold in range(folds.max() + 1):
        rest, inside = folds != fold, folds == fold
        head = LinearHead.fit(photos.embeddings[rest], labels[rest], K)
        logits[inside] = head.logits(photos.embeddings[inside])
        neighbors = NearestNeighbors.fit([stage[rest] for stage in photos.stage_features])
        strangeness[inside] = neighbors.score([stage[inside] for stage in photos.stage_features])
    curve = learning_curve(photos.embeddings, labels, photos.groups, divisions, seed, progress)
    return CrossValidation(folds, logits, strangeness, curve)
