"""Observations: plot, disease status and severity of each photo of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hvit.batches.results import Results
from hvit.batches.reviews import NOT_A_LEAF, UNREADABLE, Review
from hvit.data.classes import is_healthy
from hvit.trials.joining import Joined
from hvit.verdicts import UNFAMILIAR

DISEASED, HEALTHY, UNSURE = "diseased", "healthy", "unsure"


@dataclass(frozen=True)
class Observation:
    """A photo of a trial.

    Attributes:
        photo: name.
        plot, treatment, replicate, date: of its line of the sheet.
        status: diseased, healthy (with respect to the condition) or unsure.
        label: the condition that was decided on; empty where it was not.
        source: "reviewer" or "model".
        severity: discolored share of the leaf in [0, 1]; None where not measured.
    """

    photo: str
    plot: str
    treatment: str
    replicate: str
    date: date | None
    status: str
    label: str
    source: str
    severity: float | None


def observe(
    results: Results, joined: Joined, standing: Mapping[str, Mapping[str, Review]], condition: str | None = None
) -> list[Observation]:
    """Observations of all photos that match a row of the sheet and show a leaf.

    A decision on which all reviewers of a photo agree takes precedence over the prediction. A run's list of candidates
    is diseased where all of them are, healthy where none is, and unsure else, as is a photo that is unfamiliar.
    Photos that are unreadable, no leaf, or not scored yet are left out.

    Args:
        joined: from `join_sheet` with the names of `results.photos`.
        standing: current decision, by path and reviewer.
        condition: class whose incidence is computed; None for any disease.
    """
    found = []
    for row, (photo, line) in enumerate(zip(results.photos, joined.rows)):
        decided = _decided(results, row, standing.get(photo.path, {}), condition)
        if line is None or decided is None:
            continue
        status, label, source = decided
        found.append(
            Observation(
                photo.name, line.plot, line.treatment, line.replicate, line.date, status, label, source,
                _severity(results, row, standing.get(photo.path, {})),
            )
        )  # fmt: skip
    return found


def _decided(
    results: Results, row: int, reviews: Mapping[str, Review], condition: str | None
) -> tuple[str, str, str] | None:
    """Status, label and source of a photo; None for a photo to leave out."""
    decisions = {review.label or review.verdict for review in reviews.values()}
    if len(decisions) > 1:
        return UNSURE, "", "reviewer"
    if reviews:
        review = next(iter(reviews.values()))
        if review.label:
            return _status([review.label], condition), review.label, "reviewer"
        return None if review.verdict in (NOT_A_LEAF, UNREADABLE) else (UNSURE, "", "reviewer")
    if not results.has_scores[row]:
        return None
    if str(results.verdicts[row]) == UNFAMILIAR:
        return UNSURE, "", "model"
    names = [name for name, _ in results.candidates(row)]
    return _status(names, condition), names[0] if len(names) == 1 else "", "model"


def _status(candidates: Sequence[str], condition: str | None) -> str:
    """Status that all candidates agree on, for any disease or a given condition; else unsure."""
    hits = [name == condition if condition else not is_healthy(name) for name in candidates]
    return DISEASED if all(hits) else UNSURE if any(hits) else HEALTHY


def _severity(results: Results, row: int, reviews: Mapping[str, Review]) -> float | None:
    """Mean of the reviewers' estimates, else the area measured by the model."""
    areas = [review.area for review in reviews.values() if review.area is not None]
    if areas:
        return sum(areas) / len(areas)
    measured = float(results.severity["lesion_fraction"][row])
    return None if math.isnan(measured) else measured


def tidy_rows(observations: Sequence[Observation]) -> list[dict[str, Any]]:
    """One row a photo for R or pandas: diseased is 1 or 0, empty where unsure; severity is a share."""
    code = {DISEASED: 1, HEALTHY: 0, UNSURE: None}
    return [
        {
            "photo": o.photo,
            "plot": o.plot,
            "treatment": o.treatment,
            "replicate": o.replicate,
            "date": None if o.date is None else o.date.isoformat(),
            "diseased": code[o.status],
            "status": o.status,
            "condition": o.label,
            "source": o.source,
            "severity": o.severity,
        }
        for o in observations
    ]
