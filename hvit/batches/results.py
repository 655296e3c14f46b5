"""Verdicts of a batch, derived from its scores for any choice of crops and of the level of prediction sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hvit.batches.photos import BatchPhoto
from hvit.batches.rules import Rules
from hvit.batches.scores import ScoreTable
from hvit.calibration import softmax
from hvit.data.classes import crop_of, select_crop
from hvit.runs.model_card import ConformalRecord
from hvit.severity.bounds import AreaBounds
from hvit.verdicts import Verdicts, combine, conformal_sets

WAITING, UNREADABLE = "waiting", "unreadable"


@dataclass(frozen=True)
class Results:
    """Verdicts, probabilities and prediction sets of the N photos of a batch, in order.

    Attributes:
        classes: of the run, K names.
        photos: all of them.
        verdicts: named, unsure, unfamiliar, unreadable, or waiting for its turn; (N,) text.
        probs: calibrated, within the chosen crop, (N, K); NaN where the photo has no scores.
        ranked: class numbers by falling probability, (N, K).
        sets: prediction sets, (N, K) bool.
        near_limit: sets that hold two classes only because the photo is nearly unfamiliar, (N,) bool.
        crops: chosen crop of each photo, or None.
        sha256: of each photo, where it is known.
        errors: why a photo cannot be read; empty where it can.
        ood_score: (N,), NaN where there is none.
        flags: of each photo.
        severity: arrays (N,) by name, fractions of 1; NaN where not measured.
        severity_reason: why not; empty where it was measured, or without a reason.
    """

    classes: tuple[str, ...]
    photos: tuple[BatchPhoto, ...]
    verdicts: np.ndarray
    probs: np.ndarray
    ranked: np.ndarray
    sets: np.ndarray
    near_limit: np.ndarray
    crops: tuple[str | None, ...]
    sha256: tuple[str | None, ...]
    errors: tuple[str, ...]
    ood_score: np.ndarray
    flags: tuple[tuple[str, ...], ...]
    severity: dict[str, np.ndarray]
    severity_reason: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.photos)

    @cached_property
    def has_scores(self) -> np.ndarray:
        """Whether there are probabilities, (N,) bool."""
        return ~np.isin(self.verdicts, (WAITING, UNREADABLE))

    @cached_property
    def probability(self) -> np.ndarray:
        """Of the most likely class, (N,); NaN where there is none."""
        return np.take_along_axis(self.probs, self.ranked[:, :1], 1)[:, 0]

    def label(self, row: int, rank: int = 0) -> str | None:
        """A class by its rank; None where the photo has no scores, or the class is impossible in the chosen crop."""
        if not self.has_scores[row] or rank >= len(self.classes):
            return None
        k = self.ranked[row, rank]
        return self.classes[k] if self.probs[row, k] > 0 else None

    def candidates(self, row: int) -> list[tuple[str, float]]:
        """Classes of the prediction set with their probabilities, most likely first."""
        return [(self.classes[k], float(self.probs[row, k])) for k in self.ranked[row] if self.sets[row, k]]


def derive_results(
    photos: Sequence[BatchPhoto],
    scores: ScoreTable,
    rules: Rules,
    crops: Mapping[str, str] | None = None,
    conformal: ConformalRecord | None = None,
    bounds: AreaBounds | None = None,
) -> Results:
    """Derives verdicts without running the network, for all photos at once.

    Equal to `hvit.diagnosis.diagnose` with the same crop and conformal thresholds.

    Args:
        crops: chosen crop by path of a photo; none is chosen for those that are absent.
        conformal: thresholds to use instead of those of the run.
        bounds: of the run that measured the areas, for the interval in a chosen crop; None leaves that of the crop
            which the run found likeliest.
    Raises:
        ValueError: the run knows no such crop.
    """
    chosen = tuple((crops or {}).get(photo.path) for photo in photos)
    rows = np.array([scores.rows.get(photo.path, -1) for photo in photos], dtype=int)
    errors = tuple(scores.errors[row] if row >= 0 else "" for row in rows)
    readable = np.array([row >= 0 and not error for row, error in zip(rows, errors)], dtype=bool)
    probs = np.full((len(photos), len(rules.classes)), np.nan)
    flags = [list(scores.flags[row]) if row >= 0 else [] for row in rows]
    probs[readable] = softmax(scores.logits[rows[readable]], rules.temperature)
    for crop in sorted({crop for crop in chosen if crop is not None}):
        of_crop = readable & np.array([other == crop for other in chosen])
        _restrict(probs, flags, np.flatnonzero(of_crop), rules.classes, crop)
    ranked = np.argsort(-probs, axis=1, kind="stable")
    words = np.where(rows < 0, WAITING, UNREADABLE).astype("U12")
    sets, near_limit = np.zeros(probs.shape, dtype=bool), np.zeros(len(photos), dtype=bool)
    if readable.any():
        found = _decide(probs[readable], scores.ood_score[rows[readable]], rules, conformal or rules.conformal)
        words[readable], sets[readable] = found.words, found.sets
        near_limit[readable] = False if found.widened is None else found.widened
    severity = {name: _taken(values, rows) for name, values in scores.severity.items()}
    reasons = [scores.severity_reason[row] if row >= 0 else "" for row in rows]
    if bounds is not None:
        _bound_in_crop(severity, reasons, chosen, bounds)
    return Results(
        rules.classes,
        tuple(photos),
        words,
        probs,
        ranked,
        sets,
        near_limit,
        chosen,
        tuple(scores.sha256[row] or None if row >= 0 else photo.sha256 for row, photo in zip(rows, photos)),
        errors,
        _taken(scores.ood_score, rows),
        tuple(map(tuple, flags)),
        severity,
        tuple(reasons),
    )


def _bound_in_crop(
    severity: dict[str, np.ndarray], reasons: list[str], crops: Sequence[str | None], bounds: AreaBounds
) -> None:
    """Replaces the intervals of measured areas by those of the chosen crops, in place."""
    for row in map(int, np.flatnonzero(~np.isnan(severity["lesion_fraction"]))):
        if (crop := crops[row]) is not None:
            low, high, least, caveat = bounds.interval(float(severity["lesion_fraction"][row]), crop)
            severity["low"][row], severity["high"][row], severity["least_measurable"][row] = low, high, least
            reasons[row] = caveat or ""


def _taken(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Selects rows of an array, (N,) float64; NaN for row -1."""
    return np.append(values.astype(float), np.nan)[rows]


def _restrict(probs: np.ndarray, flags: list[list[str]], rows: np.ndarray, classes: tuple[str, ...], crop: str) -> None:
    """Renormalizes `rows` of `probs` within a crop, in place, and flags photos that look like another crop."""
    mask = select_crop(classes, crop)
    own = probs[rows]
    name = crop_of(classes[int(mask.argmax())])
    for row in rows[own[:, ~mask].sum(1) > 0.5]:
        flags[row].append(f"not_like_{name}")
    inside = np.maximum(own[:, mask].sum(1, keepdims=True), 1e-300)
    probs[rows] = np.where(mask, own, 0.0) / inside


def _decide(probs: np.ndarray, ood_score: np.ndarray, rules: Rules, conformal: ConformalRecord | None) -> Verdicts:
    sets = conformal_sets(probs, rules.classes, conformal)
    if rules.ood_threshold is None:
        return Verdicts(sets, None, np.ones(len(probs), dtype=bool))
    limit = rules.ood_threshold if rules.unsure_threshold is None else rules.unsure_threshold
    return combine(sets, probs, ood_score, ood_score <= rules.ood_threshold, ood_score <= limit)
