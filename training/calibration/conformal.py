"""Conformal prediction sets: thresholds that reach the nominal coverage in every data set, and their level.

All choices are made on the calibrating photos by cross-fitting over groups: the sets of a fold use thresholds fitted
to the other folds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.calibration import fit_conformal, prediction_set, set_thresholds
from hvit.data.classes import crop_of
from hvit.runs.model_card import ConformalRecord
from training.inputs.random_streams import uniform

ALPHAS = (0.02, 0.015, 0.01, 0.0075, 0.005, 0.003)
ALPHAS_OF_FEW = (0.05, 0.1)  # where there are too few photos for any of these
ERRORS_NOT_NAMED = 0.6
FOLDS = 5
MIN_GROUP = 49  # photos a group needs for thresholds of its own: fewer cannot hold a level of 2 %
FIELD_SHARE = 0.5  # of the calibrating weight, under field-weighted thresholds
POOLED, BY_CROP, FIELD_WEIGHTED, AUTO = "pooled", "by-crop", "field-weighted", "auto"
STRATEGIES = (POOLED, BY_CROP, FIELD_WEIGHTED)


@dataclass(frozen=True)
class CalibrationSet:
    """Calibration photos of prediction sets, as arrays.

    Attributes:
        probs: calibrated, (N, K).
        labels: class indices, (N,).
        groups: photos of one group stay in one fold, (N,).
        sources: data set of each, (N,) text.
        accepted: photos that are not rejected, (N,) bool.
        classes: K names.
        field: names of the data sets of field photos.
    """

    probs: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    sources: np.ndarray
    accepted: np.ndarray
    classes: Sequence[str]
    field: Sequence[str] = ()

    @property
    def is_field(self) -> np.ndarray:
        """Photos from the field, (N,) bool."""
        return np.isin(self.sources, list(self.field))

    @property
    def predicted_crops(self) -> np.ndarray:
        """Crop of the most likely class, (N,) text."""
        return np.array([crop_of(name) for name in self.classes], dtype=str)[self.probs.argmax(1)]

    def only(self, rows: np.ndarray) -> "CalibrationSet":
        """The photos of a mask."""
        parts = (self.probs, self.labels, self.groups, self.sources, self.accepted)
        return CalibrationSet(*(part[rows] for part in parts), self.classes, self.field)


@dataclass(frozen=True)
class ChosenLevel:
    """A chosen error level: thresholds, and their coverage and set sizes on held-out folds.

    Attributes:
        alpha: error level.
        threshold: number, or {crop: number}.
        errors_not_named: share of the errors that are rejected, or in a set of two or more.
        coverage: share of photos whose set holds the true class, by data set.
        mean_set_size: classes in a set, over all photos.
        strategy: pooled, by-crop or field-weighted.
        pooled_crops: crops that share one threshold, having too few photos for their own; by-crop only.
    """

    alpha: float
    threshold: float | dict[str, float]
    errors_not_named: float
    coverage: dict[str, float]
    mean_set_size: float
    strategy: str = POOLED
    pooled_crops: tuple[str, ...] = ()

    @property
    def lowest_coverage(self) -> float:
        """Lowest coverage of any data set."""
        return min(self.coverage.values())

    def to_record(self) -> ConformalRecord:
        """`conformal` of model.json."""
        extra = {"pooled_crops": list(self.pooled_crops)} if self.strategy == BY_CROP else {}
        return ConformalRecord(self.alpha, "lac", self.threshold, self.strategy, extra=extra)


def supported_levels(alphas: Sequence[float], num_photos: int) -> list[float]:
    """Error levels that four fifths of `num_photos` can calibrate; at a stricter one every class is in the set."""
    fewest = num_photos * (FOLDS - 1) / FOLDS + 1
    return [alpha for alpha in alphas if alpha * fewest >= 1]


def levels_for(num_photos: int) -> Sequence[float]:
    """Candidate error levels for a number of photos, the largest first."""
    return supported_levels(ALPHAS, num_photos) or supported_levels(ALPHAS_OF_FEW, num_photos) or ALPHAS_OF_FEW[-1:]


def fit_thresholds(photos: CalibrationSet, alpha: float, strategy: str) -> float | dict[str, float]:
    """Thresholds at an error level: a number, or {crop: number} for every crop of the run.

    By crop: each predicted crop with at least 49 photos (more at a level below 2 %) has its own threshold. The others
    share one: of their photos together where these are enough, else of all photos.
    """
    if strategy == POOLED:
        return fit_conformal(photos.probs, photos.labels, alpha)
    if strategy == FIELD_WEIGHTED:
        return fit_conformal(photos.probs, photos.labels, alpha, field_weights(photos.is_field))
    crops, fewest = photos.predicted_crops, fewest_photos(alpha)
    known = sorted({crop_of(name) for name in photos.classes})
    own = [crop for crop in known if (crops == crop).sum() >= fewest]
    rest = ~np.isin(crops, own)
    pool = rest if rest.sum() >= fewest else np.ones(len(crops), dtype=bool)
    pooled = fit_conformal(photos.probs[pool], photos.labels[pool], alpha)
    return {
        crop: fit_conformal(photos.probs[crops == crop], photos.labels[crops == crop], alpha) if crop in own else pooled
        for crop in known
    }


def fewest_photos(alpha: float) -> int:
    """Minimum photos of a group with its own threshold: 49, or what the level needs to exclude any class."""
    return max(MIN_GROUP, math.ceil(1 / alpha - 1 - 1e-9))


def field_weights(is_field: np.ndarray) -> np.ndarray:
    """Sample weights (N,) that give field photos the same total weight as all others; 1 where a kind is lacking."""
    num_field, n = int(is_field.sum()), len(is_field)
    if num_field in (0, n):
        return np.ones(n)
    return np.where(is_field, FIELD_SHARE / (1 - FIELD_SHARE) * (n - num_field) / num_field, 1.0)


def cross_fitted_sets(photos: CalibrationSet, alpha: float, strategy: str) -> np.ndarray:
    """Out-of-fold prediction set of each photo, (N, K) bool; its label alone where there is only one fold."""
    numbers = np.unique(photos.groups, return_inverse=True)[1]
    folds = (uniform(0, numbers, 1, 3000)[:, 0] * FOLDS).astype(int)
    sets = np.arange(photos.probs.shape[1]) == photos.probs.argmax(1)[:, None]
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.any() and not inside.all():
            threshold = fit_thresholds(photos.only(~inside), alpha, strategy)
            probs = photos.probs[inside]
            sets[inside] = prediction_set(probs, set_thresholds(threshold, probs, photos.classes))
    return sets


def choose_level(photos: CalibrationSet, alphas: Sequence[float] = ALPHAS, strategy: str = POOLED) -> ChosenLevel:
    """Largest error level at which at least 60 % of the errors are in a set of two or more, or rejected.

    Args:
        alphas: levels to choose from, the mildest first.
    """
    wrong = photos.probs.argmax(1) != photos.labels
    for alpha in alphas:
        sets = cross_fitted_sets(photos, alpha, strategy)
        not_named = (sets.sum(1) > 1) | ~photos.accepted
        share = float(not_named[wrong].mean()) if wrong.any() else 1.0
        if share >= ERRORS_NOT_NAMED:
            break
    covered = sets[np.arange(len(wrong)), photos.labels]
    coverage = {str(name): float(covered[photos.sources == name].mean()) for name in np.unique(photos.sources)}
    threshold = fit_thresholds(photos, alpha, strategy)
    pooled = ()
    if strategy == BY_CROP:
        crops = photos.predicted_crops
        pooled = tuple(crop for crop in sorted(threshold) if (crops == crop).sum() < fewest_photos(alpha))
    return ChosenLevel(alpha, threshold, share, coverage, float(sets.sum(1).mean()), strategy, pooled)


def choose_conformal(
    photos: CalibrationSet, alphas: Sequence[float] = ALPHAS, strategies: Sequence[str] = STRATEGIES
) -> tuple[ChosenLevel, str, dict[str, ChosenLevel]]:
    """Selects the strategy with the smallest sets that covers every data set, else the best-covering one.

    A promise is kept where coverage in no data set is below `1 - alpha` by more than a standard error.

    Args:
        strategies: of STRATEGIES; those by crop need classes with crops, and field weights need field photos.
    Returns:
        The chosen level, one sentence that says why, and the level of every strategy that was compared.
    """
    has_crops = len({crop_of(name) for name in photos.classes}) > 1
    both_kinds = photos.is_field.any() and not photos.is_field.all()
    possible = {POOLED: True, BY_CROP: has_crops, FIELD_WEIGHTED: both_kinds}
    compared = {name: choose_level(photos, alphas, name) for name in strategies if possible[name]}
    if not compared:
        reason = "classes of several crops" if BY_CROP in strategies else "photos both of the field and of other kinds"
        raise ValueError(f"{' and '.join(strategies)} prediction sets need {reason}; choose {POOLED}")
    kept = [level for level in compared.values() if is_valid(level, photos.sources)]
    chosen = min(kept, key=_by_size) if kept else max(compared.values(), key=_by_coverage)
    return chosen, _reason(chosen, bool(kept), compared), compared


def _by_size(level: ChosenLevel) -> float:
    return level.mean_set_size


def _by_coverage(level: ChosenLevel) -> float:
    return level.lowest_coverage


def is_valid(level: ChosenLevel, sources: np.ndarray) -> bool:
    """Whether coverage of every data set is at least nominal, within one standard error."""
    promise = 1 - level.alpha
    return all(
        coverage >= promise - math.sqrt(promise * level.alpha / (sources == name).sum())
        for name, coverage in level.coverage.items()
    )


def _reason(chosen: ChosenLevel, kept: bool, compared: dict[str, ChosenLevel]) -> str:
    rows = "; ".join(
        f"{name}: lowest coverage {100 * level.lowest_coverage:.1f} %, {level.mean_set_size:.2f} classes a set"
        for name, level in compared.items()
    )
    if len(compared) == 1:
        return f"{chosen.strategy} thresholds, the only ones compared ({rows})."
    why = "the smallest sets that hold the promise in every data set" if kept else "the highest coverage where lowest"
    return f"{chosen.strategy} thresholds: {why}, by cross-fitting over groups ({rows})."
