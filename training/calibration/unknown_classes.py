"""Rejection thresholds, and leave-one-class-out estimates for unknown classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hvit.calibration import prediction_set, set_thresholds, softmax
from hvit.rejection import RejectionMethod
from training.calibration.conformal import CalibrationSet, fit_thresholds
from training.frozen_features.labeled_features import LabeledFeatures

ACCEPTED, ACCEPTED_EACH = 0.94, 0.90  # of all photos and of each data set, where none is known to be of the field
MIN_PHOTOS = 5  # of a class that is left out: fewer say nothing


@dataclass(frozen=True)
class Acceptance:
    """Minimum shares of known photos that must be accepted as in distribution, in each data set.

    Attributes:
        laboratory, field: shares in (0, 1).
        field_sets: names of the data sets of field photos; without any, 94 % of all and 90 % of each are accepted.
    """

    laboratory: float = 0.96
    field: float = 0.92
    field_sets: tuple[str, ...] = ()


def rejection_threshold(scores: np.ndarray, sources: np.ndarray, acceptance: Acceptance = Acceptance()) -> float:
    """Lowest rejection threshold that accepts the requested shares of known photos.

    Args:
        scores: out-of-distribution scores of calibrating photos, (N,).
        sources: data set of each, (N,).
    """
    if not acceptance.field_sets:
        each = [np.quantile(scores[sources == source], ACCEPTED_EACH) for source in np.unique(sources)]
        return float(max(np.quantile(scores, ACCEPTED), *each))
    shares = {
        source: acceptance.field if source in acceptance.field_sets else acceptance.laboratory
        for source in np.unique(sources)
    }
    # The finite-sample rank of split conformal prediction: a new photo is accepted at least this often.
    return max(_upper_quantile(scores[sources == source], share) for source, share in shares.items())


def _upper_quantile(scores: np.ndarray, share: float) -> float:
    rank = min(int(np.ceil((len(scores) + 1) * share)), len(scores))
    return float(np.sort(scores)[rank - 1])


@dataclass(frozen=True)
class LeftOut:
    """Results of leaving one class out of detector and head: scores and set sizes of its photos.

    The backbone was trained on the class, so the estimates are optimistic for truly new diseases.

    Attributes:
        name: of the class.
        scores: out-of-distribution scores of its photos, (M,).
        sets_of_one: whether the prediction set of each holds one class, (M,) bool.
        known_scores: of the calibrating photos of the other classes, (N,).
        threshold: that accepts enough of those.
    """

    name: str
    scores: np.ndarray
    sets_of_one: np.ndarray
    known_scores: np.ndarray
    threshold: float

    def shares(self, unsure_quantile: float | None = None) -> dict[str, float]:
        """Shares named, unsure and unfamiliar; with an unsure threshold at a quantile of the known scores, if given."""
        accepted = self.scores <= self.threshold
        limit = self.threshold if unsure_quantile is None else np.quantile(self.known_scores, unsure_quantile)
        named = accepted & self.sets_of_one & (self.scores <= limit)
        return {
            "n": len(self.scores),
            "named": float(named.mean()),
            "unsure": float((accepted & ~named).mean()),
            "unfamiliar": float((~accepted).mean()),
        }


@dataclass(frozen=True)
class SetRecipe:
    """Settings of prediction sets: temperature, error level and strategy, see `training.calibration.conformal`."""

    temperature: float
    alpha: float
    strategy: str


def leave_one_class_out(
    method: type[RejectionMethod],
    reference: LabeledFeatures,
    calibrating: LabeledFeatures,
    held: LabeledFeatures,
    recipe: SetRecipe,
    acceptance: Acceptance,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[LeftOut]:
    """Leaves each class out in turn: its photos from reference and calibrating photos, its logit from all.

    Args:
        reference: training photos the detector is fitted to.
        calibrating: photos that set thresholds.
        held: evaluated photos.
    Returns:
        One a class with at least 5 photos in `held`.
    """
    counts = np.bincount(held.labels, minlength=len(held.classes))
    chosen = [int(k) for k in np.flatnonzero(counts >= MIN_PHOTOS)]
    results = []
    for done, k in enumerate(chosen, 1):
        known = [part.without_column(k) for part in (reference, calibrating, held)]
        train, val = (part.only(part.labels >= 0) for part in known[:2])
        asked = known[2].only(held.labels == k)
        detector = method.fit(train.features, train.logits, train.labels)
        known_scores = detector.score(val.features, val.logits)
        photos = calibration_set(val, recipe.temperature, acceptance.field_sets)
        threshold = fit_thresholds(photos, recipe.alpha, recipe.strategy)
        probs = softmax(asked.logits, recipe.temperature)
        sets = prediction_set(probs, set_thresholds(threshold, probs, asked.classes))
        results.append(
            LeftOut(
                held.classes[k], detector.score(asked.features, asked.logits), sets.sum(1) == 1, known_scores,
                rejection_threshold(known_scores, val.sources, acceptance),
            )
        )  # fmt: skip
        progress(done, len(chosen))
    return results


def calibration_set(
    photos: LabeledFeatures, temperature: float, field_sets: Sequence[str], accepted: np.ndarray | None = None
) -> CalibrationSet:
    """Builds the calibration set of prediction sets; `accepted` (N,) bool, all by default."""
    accepted = np.ones(len(photos), dtype=bool) if accepted is None else accepted
    probs = softmax(photos.logits, temperature)
    return CalibrationSet(probs, photos.labels, photos.groups, photos.sources, accepted, photos.classes, field_sets)


def pooled_shares(results: Sequence[LeftOut], unsure_quantile: float | None = None) -> dict[str, float]:
    """Shares pooled over the photos of all left-out classes."""
    rows = [result.shares(unsure_quantile) for result in results]
    n = sum(row["n"] for row in rows)
    return {"n": n} | {key: sum(row[key] * row["n"] for row in rows) / n for key in ("named", "unsure", "unfamiliar")}


def unsure_quantile(results: Sequence[LeftOut], max_named: float, steps: int = 200) -> float:
    """Largest quantile of the known scores, as unsure threshold, at which few enough unknowns are named.

    Args:
        max_named: share of the photos of left-out classes that may be given a single name, in (0, 1).
    Returns:
        In [0, 1]; 1 where the threshold of rejection alone suffices.
    Raises:
        ValueError: no quantile suffices.
    """
    for step in range(steps, -1, -1):
        if pooled_shares(results, step / steps)["named"] <= max_named:
            return step / steps
    raise ValueError(f"more than {100 * max_named:g} % of unknown classes are named even if nothing else is")
