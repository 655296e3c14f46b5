"""Decisions of reviewers about the photos of a batch, and the training manifest of the agreed labels."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from hvit.batches.choices import now
from hvit.batches.layout import REVIEWS, VERDICTS
from hvit.batches.logs import LINE_BREAKS, append_rows, locked, read_rows, write_errors
from hvit.batches.results import Results
from hvit.csv_tables import FORMULA_SIGNS
from hvit.files import write_bytes
from hvit.verdicts import UNFAMILIAR, UNSURE

RIGHT, LABEL, NOT_A_LEAF, UNREADABLE, NOT_SURE, UNDONE = (
    "right", "label", "not_a_leaf", "unreadable", "unsure", "undone",
)  # fmt: skip
DECISIONS = (RIGHT, LABEL, NOT_A_LEAF, UNREADABLE, NOT_SURE, UNDONE)
COLUMNS = ("time", "reviewer", "path", "sha256", "verdict", "label", "area", "predicted", "probability")
MANIFEST_COLUMNS = ("path", "label", "sha256", "reviewer", "time")


class Reviewed(Protocol):
    """Protocol of what has reviews: a batch, or the samples of a run."""

    @property
    def path(self) -> Path:
        """Folder of the reviews and of their manifest; paths of photos are relative to it."""
        ...


@dataclass(frozen=True)
class Review:
    """One decision.

    Attributes:
        reviewer: name.
        path, sha256: of the photo.
        verdict: one of `DECISIONS`; "right" confirms the run's first class, "label" names another, "undone" takes the
            reviewer's last decision about the photo back.
        label: class name for "right" and "label", else empty.
        area: discolored share of the leaf as the reviewer estimates it, in [0, 1]; None where not estimated.
        predicted, probability: the run's first class at that time; empty and None of a photo without scores or
            unfamiliar.
        time: ISO 8601, UTC.
    """

    reviewer: str
    path: str
    sha256: str
    verdict: str
    label: str = ""
    area: float | None = None
    predicted: str = ""
    probability: float | None = None
    time: str = ""


def add_review(reviewed: Reviewed, review: Review) -> None:
    """Appends a decision, waits until it is on the disk, and rewrites the manifest.

    Raises:
        ValueError: the decision is none of `DECISIONS`, a name or label is missing or begins like a formula, the name
            of the photo has a line break, or the area is outside [0, 1].
        BatchError: it cannot be written.
    """
    _check(review)
    row = {name: getattr(review, name) for name in COLUMNS} | {"time": review.time or now()}
    append_rows(reviewed.path / REVIEWS, COLUMNS, [{k: "" if v is None else str(v) for k, v in row.items()}])
    write_manifest(reviewed)


def _check(review: Review) -> None:
    if review.verdict not in DECISIONS:
        raise ValueError(f"the decision is {review.verdict!r}, expected one of {', '.join(DECISIONS)}")
    if not review.reviewer.strip():
        raise ValueError("a review needs the name of its reviewer; type one")
    if review.verdict in (RIGHT, LABEL) and not review.label.strip():
        raise ValueError("choose a label")
    for what, text in (("name of the reviewer", review.reviewer), ("label", review.label)):
        if text.startswith(FORMULA_SIGNS):  # verdicts.csv is opened in spreadsheet programs, and read by trainings
            raise ValueError(f"the {what} begins with {text[0]!r}, which spreadsheets compute; begin with a letter")
    if LINE_BREAKS.search(review.path):
        raise ValueError("the name of the photo has a line break; rename it")
    if review.area is not None and not 0 <= review.area <= 1:
        raise ValueError(f"the area is {review.area:g}, expected a share between 0 and 1")


def read_reviews(reviewed: Reviewed) -> list[Review]:
    """All decisions in the order they were made.

    Raises:
        BatchError: the file is damaged.
    """
    return [
        Review(
            row["reviewer"], row["path"], row["sha256"], row["verdict"], row["label"], _number(row["area"]),
            row["predicted"], _number(row["probability"]), row["time"],
        )
        for row in read_rows(reviewed.path / REVIEWS, COLUMNS)
        if row["verdict"] in DECISIONS
    ]  # fmt: skip


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def standing_reviews(reviews: Sequence[Review]) -> dict[str, dict[str, Review]]:
    """The last decision of each reviewer about each photo that was not undone, by path and reviewer."""
    stacks: dict[tuple[str, str], list[Review]] = {}
    for review in reviews:
        stack = stacks.setdefault((review.path, review.reviewer), [])
        if review.verdict == UNDONE:
            if stack:
                stack.pop()
        else:
            stack.append(review)
    standing: dict[str, dict[str, Review]] = {}
    for (path, reviewer), stack in stacks.items():
        if stack:
            standing.setdefault(path, {})[reviewer] = stack[-1]
    return standing


def last_review(reviews: Sequence[Review], reviewer: str) -> Review | None:
    """The latest decision of a reviewer that was not undone."""
    kept: list[Review] = []
    for review in reviews:
        if review.reviewer != reviewer:
            continue
        if review.verdict != UNDONE:
            kept.append(review)
        else:
            index = max((i for i, other in enumerate(kept) if other.path == review.path), default=None)
            if index is not None:
                kept.pop(index)
    return kept[-1] if kept else None


def undo(reviewed: Reviewed, reviewer: str) -> Review | None:
    """Undoes the latest decision of a reviewer and returns it; None where there is none.

    Raises:
        BatchError: it cannot be written.
    """
    last = last_review(read_reviews(reviewed), reviewer)
    if last is not None:
        add_review(reviewed, Review(reviewer, last.path, last.sha256, UNDONE))
    return last


@dataclass(frozen=True)
class Labels:
    """Labels to train on.

    Attributes:
        agreed: the review that labels each photo, by path.
        contested: paths of photos that reviewers gave different decisions.
    """

    agreed: dict[str, Review]
    contested: tuple[str, ...]


def agreed_labels(reviews: Sequence[Review]) -> Labels:
    """Labels on which all reviewers of a photo agree; photos with another decision have none."""
    agreed, contested = {}, []
    for path, by_reviewer in standing_reviews(reviews).items():
        decisions = {review.label or review.verdict for review in by_reviewer.values()}
        if len(decisions) > 1:
            contested.append(path)
        elif (review := next(iter(by_reviewer.values()))).label:
            agreed[path] = review
    return Labels(agreed, tuple(contested))


def write_manifest(reviewed: Reviewed) -> None:
    """Rewrites `verdicts.csv`: a manifest for training with the agreed labels, paths relative to the batch.

    Raises:
        BatchError: it cannot be written.
    """
    with locked(reviewed.path), write_errors(reviewed.path):
        labels = agreed_labels(read_reviews(reviewed))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(MANIFEST_COLUMNS)
        writer.writerows([getattr(review, name) for name in MANIFEST_COLUMNS] for review in labels.agreed.values())
        write_bytes(reviewed.path / VERDICTS, out.getvalue().encode())


def most_uncertain_first(results: Results) -> np.ndarray:
    """Sorts photos by how much they need review, most doubtful first; row numbers (N,).

    First unsure ones, then unfamiliar ones, each by rising margin between the two most likely classes; then named ones
    in that order, unreadable ones, and those that wait for their scores.
    """
    first, second = (np.take_along_axis(results.probs, results.ranked[:, k : k + 1], 1)[:, 0] for k in (0, 1))
    margin = np.where(results.has_scores, first - second, 0.0)
    kinds = {UNSURE: 0, UNFAMILIAR: 1, "named": 2, "unreadable": 3, "waiting": 4}
    return np.lexsort((margin, np.array([kinds[str(verdict)] for verdict in results.verdicts])))
