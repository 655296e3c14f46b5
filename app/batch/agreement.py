"""Inter-rater agreement of the model and the reviewers of a batch. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hvit.batches.results import Results
from hvit.batches.reviews import Review
from hvit.scoring.agreement import Agreement, cohen_kappa, lin_concordance
from hvit.verdicts import UNFAMILIAR

Standing = Mapping[str, Mapping[str, Review]]  # by path and reviewer
MODEL = "the model"


@dataclass(frozen=True)
class Pair:
    """The agreement of two raters.

    Attributes:
        first, second: names; `MODEL` for the run.
        classes: Cohen's kappa; None where they share no photo.
        area: Lin's concordance of the discolored area; None where they share no estimate.
    """

    first: str
    second: str
    classes: Agreement | None
    area: Agreement | None


def agreements(results: Results, standing: Standing) -> list[Pair]:
    """Agreement of the model with each reviewer, then of each pair of reviewers.

    Between the model and a reviewer photos count that have a class from both: of unfamiliar ones the model claims none.
    Between reviewers all decisions count.
    """
    reviewers = sorted({name for by_reviewer in standing.values() for name in by_reviewer})
    pairs = [_model_agreement(results, standing, reviewer) for reviewer in reviewers]
    pairs += [_reviewer_agreement(standing, first, second) for first, second in combinations(reviewers, 2)]
    return [pair for pair in pairs if pair.classes or pair.area]


def _model_agreement(results: Results, standing: Standing, reviewer: str) -> Pair:
    labels, areas = [], []
    for row, photo in enumerate(results.photos):
        review, label = standing.get(photo.path, {}).get(reviewer), results.label(row)
        if review is None or label is None:
            continue
        if review.label and results.verdicts[row] != UNFAMILIAR:
            labels.append((label, review.label))
        measured = results.severity["lesion_fraction"][row]
        if review.area is not None and not np.isnan(measured):
            areas.append((float(measured), review.area))
    return Pair(MODEL, reviewer, _kappa(labels), _concordance(areas))


def _reviewer_agreement(standing: Standing, first: str, second: str) -> Pair:
    both = [(r[first], r[second]) for r in standing.values() if first in r and second in r]
    labels = [(a.label or a.verdict, b.label or b.verdict) for a, b in both]
    areas = [(a.area, b.area) for a, b in both if a.area is not None and b.area is not None]
    return Pair(first, second, _kappa(labels), _concordance(areas))


def _kappa(pairs: list[tuple[str, str]]) -> Agreement | None:
    return cohen_kappa(*zip(*pairs)) if pairs else None


def _concordance(pairs: list[tuple[float, float]]) -> Agreement | None:
    return lin_concordance(*zip(*pairs)) if pairs else None
