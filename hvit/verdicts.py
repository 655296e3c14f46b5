"""Prediction sets and verdicts (named, unsure, unfamiliar) from logits and features.

A batch applies the same rule to recorded scores, for another crop or another level: `hvit.batches.results`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hvit.calibration import prediction_set, set_thresholds
from hvit.rejection import OodDetector

if TYPE_CHECKING:
    from hvit.runs.checkpoint import Checkpoint
    from hvit.runs.model_card import ConformalRecord

NAMED, UNSURE, UNFAMILIAR = "named", "unsure", "unfamiliar"


@dataclass(frozen=True)
class Verdicts:
    """Verdicts on N photos, with their prediction sets and scores.

    Attributes:
        sets: prediction sets, (N, K) bool.
        scores: out-of-distribution scores, (N,); None for a run without rejection.
        accepted: in distribution, (N,) bool; all of them without rejection.
        widened: sets of one class that hold two because the photo is near the limit of unfamiliar, (N,) bool; None
            for a run without rejection.
    """

    sets: np.ndarray
    scores: np.ndarray | None
    accepted: np.ndarray
    widened: np.ndarray | None = None

    def only(self, rows: np.ndarray) -> Verdicts:
        """Selects photos by a mask or by row numbers."""
        scores = None if self.scores is None else self.scores[rows]
        widened = None if self.widened is None else self.widened[rows]
        return Verdicts(self.sets[rows], scores, self.accepted[rows], widened)

    @property
    def named(self) -> np.ndarray:
        """Accepted, with a set of one class, (N,) bool."""
        return self.accepted & (self.sets.sum(1) == 1)

    @property
    def unsure(self) -> np.ndarray:
        """Accepted, with a set of two classes or more, (N,) bool."""
        return self.accepted & ~self.named

    @property
    def words(self) -> np.ndarray:
        """named, unsure or unfamiliar, (N,) text."""
        return np.where(self.named, NAMED, np.where(self.accepted, UNSURE, UNFAMILIAR))


def verdicts(
    checkpoint: Checkpoint, probs: np.ndarray, features: list[np.ndarray], photo_logits: np.ndarray
) -> Verdicts:
    """Verdicts of a run on photos.

    Args:
        probs: calibrated, (N, K); zero for classes that are ruled out beforehand, as those of other crops.
        features, photo_logits: inputs of the detector, see `hvit.rejection.RejectionMethod`.
    """
    return decide(probs, checkpoint.classes, checkpoint.conformal, checkpoint.ood, features, photo_logits)


def decide(
    probs: np.ndarray,
    classes: Sequence[str],
    conformal: ConformalRecord | None,
    ood: OodDetector | None,
    features: list[np.ndarray],
    photo_logits: np.ndarray,
) -> Verdicts:
    """Verdicts from the parts of a checkpoint; without `conformal`, a set is the most likely class alone."""
    sets = conformal_sets(probs, classes, conformal)
    if ood is None:
        return Verdicts(sets, None, np.ones(len(probs), dtype=bool))
    scores = ood.score(features, photo_logits)
    return combine(sets, probs, scores, ood.accepts(scores), ood.may_name(scores))


def combine(
    sets: np.ndarray, probs: np.ndarray, scores: np.ndarray, accepted: np.ndarray, may_name: np.ndarray
) -> Verdicts:
    """Combines conformal sets (N, K) and out-of-distribution scores (N,) into verdicts.

    Args:
        accepted: in distribution, (N,) bool.
        may_name: may be given a single name, (N,) bool.
    """
    widened = at_least_two(sets, probs, accepted & ~may_name)
    return Verdicts(widened, scores, accepted, (sets.sum(1) == 1) & (widened.sum(1) == 2))


def conformal_sets(probs: np.ndarray, classes: Sequence[str], conformal: ConformalRecord | None) -> np.ndarray:
    """Conformal prediction sets (N, K) bool; the most likely class alone where `conformal` is None."""
    if conformal is None:
        return np.arange(probs.shape[1]) == probs.argmax(1)[:, None]
    return prediction_set(probs, set_thresholds(conformal.threshold, probs, classes)) & (probs > 0)


def at_least_two(sets: np.ndarray, probs: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Widens the prediction sets of some photos to at least the two most likely classes, where two are possible.

    Args:
        sets: (N, K) bool.
        probs: (N, K).
        which: photos that must not be named, (N,) bool.
    """
    if probs.shape[1] < 2 or not which.any():
        return sets
    widened, rows = sets.copy(), np.flatnonzero(which)
    widened[rows[:, None], np.argsort(-probs[rows], axis=1, kind="stable")[:, :2]] = True
    return widened & (probs > 0)
