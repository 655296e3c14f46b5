"""Filters and order of the table of a batch. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from app.batch import words
from hvit.batches.results import Results
from hvit.batches.reviews import Review, most_uncertain_first
from hvit.data.classes import crop_of

ANY = "any"
ORDERS = {
    "doubt": "most doubtful first",
    "added": "as added",
    "name": "by file name",
    "condition": "by condition",
    "least": "least probable first",
    "most": "most probable first",
    "area": "largest area first",
}
REVIEWED = {ANY: "reviewed or not", "no": "not reviewed", "yes": "reviewed", "other": "reviewer differs"}


@dataclass(frozen=True)
class Filter:
    """Filter and order of the table.

    Attributes:
        name: part of the file name, in any case; empty for all.
        verdicts: those shown; empty for all.
        crop: of the first class; ANY for all.
        label: the first class; ANY for all.
        lowest, highest: probability of the first class, in [0, 1]; photos without one are shown where the range is
            the whole.
        reviewed: a key of REVIEWED.
        order: a key of ORDERS.
    """

    name: str = ""
    verdicts: Collection[str] = ()
    crop: str = ANY
    label: str = ANY
    lowest: float = 0.0
    highest: float = 1.0
    reviewed: str = ANY
    order: str = "doubt"


def rows_shown(results: Results, reviews: Mapping[str, Mapping[str, Review]], filter_: Filter) -> np.ndarray:
    """Row numbers of the photos that pass the filter, sorted."""
    first = results.ranked[:, 0]
    crops = np.array([crop_of(name) for name in results.classes])[first]
    fits = np.ones(len(results), dtype=bool)
    if part := filter_.name.strip().casefold():
        fits &= np.array([part in photo.name.casefold() for photo in results.photos])
    if filter_.verdicts:
        fits &= np.isin(results.verdicts, list(filter_.verdicts))
    if filter_.crop != ANY:
        fits &= results.has_scores & (crops == filter_.crop)
    if filter_.label != ANY:
        fits &= results.has_scores & (np.array(results.classes)[first] == filter_.label)
    if (filter_.lowest, filter_.highest) != (0.0, 1.0):
        p = results.probability
        fits &= results.has_scores & (p >= filter_.lowest - 1e-9) & (p <= filter_.highest + 1e-9)
    if filter_.reviewed != ANY:
        fits &= np.array([_is_reviewed(results, row, reviews, filter_.reviewed) for row in range(len(results))])
    order = _order(results, filter_.order)
    return order[fits[order]]


def _is_reviewed(results: Results, row: int, reviews: Mapping[str, Mapping[str, Review]], how: str) -> bool:
    own = reviews.get(results.photos[row].path, {}).values()
    if how == "other":
        return any(review.label != results.label(row) for review in own)
    return bool(own) == (how == "yes")


def _order(results: Results, order: str) -> np.ndarray:
    numbers = np.arange(len(results))
    if order == "doubt":
        return most_uncertain_first(results)
    if order == "name":
        return np.array(sorted(numbers, key=lambda row: results.photos[row].name.casefold()), dtype=int)
    if order == "condition":
        titles = [words.crop(label) + words.condition(label) for label in map(results.label, range(len(results)))]
        return np.array(sorted(numbers, key=lambda row: (titles[row] == "", titles[row])), dtype=int)
    values = {
        "added": numbers.astype(float),
        "least": results.probability,
        "most": -results.probability,
        "area": -results.severity["lesion_fraction"],
    }[order]
    return np.argsort(values, kind="stable")  # NaN last
