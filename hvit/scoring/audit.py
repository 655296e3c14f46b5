"""Audit of shortcuts: accuracy with one visual cue removed, and recall in laboratory and field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.layout import AUDIT, in_split
from hvit.runs.predictions import Predictions
from hvit.runs.results import record_results
from hvit.scoring.calibration_curves import data_sets_of
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import wilson
from hvit.words import class_in_text

GREY, LOW_PASS, ASPECT, LEAF_ONLY, BACKGROUND_ONLY, ANOTHER_BACKGROUND, CORNERS = (
    "grey", "low_pass", "aspect", "leaf_only", "background_only", "another_background", "corners",
)  # fmt: skip
TITLES = {
    GREY: "Without color",
    LOW_PASS: "Without detail",
    ASPECT: "Stretched",
    LEAF_ONLY: "Leaf alone",
    BACKGROUND_ONLY: "Background alone",
    ANOTHER_BACKGROUND: "Another background",
    CORNERS: "Four corners alone",
}
LITTLE, MUCH = 0.05, 0.3  # share of correct predictions lost: negligible, and serious
FEWEST = 5  # minimum photos of a class in laboratory and in field


@dataclass(frozen=True)
class Cue:
    """Accuracy with one cue changed or removed; intervals are of 95 % (Wilson).

    Attributes:
        name: of `TITLES`.
        n: photos.
        top1: accuracy on the changed photos.
        clean_top1: on the original photos; None for `corners`, which is another classifier.
        lost: share of the photos that were right and go wrong; None for `corners`.
        guess: accuracy of always answering the most frequent class.
    """

    name: str
    n: int
    top1: float
    top1_ci: Interval
    clean_top1: float | None
    lost: float | None
    lost_ci: Interval | None
    guess: float


@dataclass(frozen=True)
class Transfer:
    """Recall of one class on laboratory and on field photos.

    Attributes:
        name: of the class.
        difference: field less laboratory.
        difference_ci: Newcombe's hybrid score interval, 95 %.
    """

    name: str
    n_laboratory: int
    laboratory: float
    n_field: int
    field: float
    difference: float
    difference_ci: Interval


@dataclass(frozen=True)
class Audit:
    """Results of `training.audit`.

    Attributes:
        n: photos.
        masked: photos whose leaf could be separated, on which rows that need a mask are measured.
        weights_sha256: of the model weights.
        cues: of `TITLES`.
        transfer: classes with laboratory and field photos, the largest loss first.
    """

    n: int
    masked: int
    weights_sha256: str
    cues: tuple[Cue, ...]
    transfer: tuple[Transfer, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, each row with the sentence that says what it means."""
        cues = [asdict(cue) | {"meaning": meaning(cue)} for cue in self.cues]
        rows = [asdict(row) | {"meaning": transfer_meaning(row)} for row in self.transfer]
        return asdict(self) | {"cues": cues, "transfer": rows}


def measure_cue(name: str, clean: np.ndarray, changed: np.ndarray, labels: np.ndarray) -> Cue:
    """Compares predictions on changed photos with those on the original photos.

    Args:
        clean, changed: whether each photo is predicted correctly, (N,) bool.
        labels: true classes, (N,).
    Raises:
        ValueError: there are no photos.
    """
    n = len(labels)
    if not n:
        raise ValueError(f"no photos to measure {TITLES[name].lower()} on")
    hits, right = int(changed.sum()), int(clean.sum())
    lost = int((clean & ~changed).sum())
    return Cue(
        name, n, hits / n, wilson(hits, n), right / n, lost / right if right else None,
        wilson(lost, right) if right else None, _guess(labels),
    )  # fmt: skip


def corners_cue(control: Mapping[str, Any]) -> Cue:
    """The background control of `data check` as a row: a classifier on the four corners of each photo."""
    n, top1 = int(control["n"]), float(control["top1"])
    return Cue(CORNERS, n, top1, wilson(round(top1 * n), n), None, None, None, float(control["largest_class"]))


def _guess(labels: np.ndarray) -> float:
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def measure_transfer(predictions: Predictions, field_sets: Sequence[str]) -> list[Transfer]:
    """Recall of each class in laboratory and field, where there are enough photos of both; largest loss first."""
    is_field = np.isin(data_sets_of(predictions.paths), list(field_sets))
    rows = []
    for k, name in enumerate(predictions.classes):
        own = predictions.labels == k
        inside, outside = predictions.correct[own & ~is_field], predictions.correct[own & is_field]
        if min(len(inside), len(outside)) < FEWEST:
            continue
        lab, field = float(inside.mean()), float(outside.mean())
        interval = newcombe(int(outside.sum()), len(outside), int(inside.sum()), len(inside))
        rows.append(Transfer(name, len(inside), lab, len(outside), field, field - lab, interval))
    return sorted(rows, key=lambda row: (row.difference, row.name))


def newcombe(first: int, n_first: int, second: int, n_second: int) -> Interval:
    """95 % interval of the difference of two independent proportions (Newcombe 1998, method 10).

    >>> low, high = newcombe(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    p, q = first / n_first, second / n_second
    (low_p, high_p), (low_q, high_q) = wilson(first, n_first), wilson(second, n_second)
    return p - q - math.hypot(p - low_p, high_q - q), p - q + math.hypot(high_p - p, q - low_q)


def meaning(cue: Cue) -> str:
    """Interprets a row in one sentence."""
    top1, guess = f"{100 * cue.top1:.0f} %", f"{100 * cue.guess:.0f} %"
    lost = "" if cue.lost is None else f"{100 * cue.lost:.0f} %"
    if cue.name in (BACKGROUND_ONLY, CORNERS):
        what = f"With the leaf painted over, {top1} are still right"
        if cue.name == CORNERS:
            what = f"A nearest-neighbor classifier that sees four corners alone is right on {top1}"
        if cue.top1_ci[0] <= cue.guess:
            return f"{what}, no more than by guessing ({guess}): the background tells nothing."
        return f"{what} ({guess} by guessing): the background tells part of the class."
    if cue.lost is None:
        return "No photo was right to begin with."
    amount = "few" if cue.lost <= LITTLE else "many" if cue.lost >= MUCH else "some"
    text = f"{_LEADS.get(cue.name, TITLES[cue.name])}, {lost} of the right answers are lost"
    return f"{text}: {_CONSEQUENCES[cue.name][amount]}."


_LEADS = {LEAF_ONLY: "With the leaf alone", ANOTHER_BACKGROUND: "With another background"}
_CONSEQUENCES = {
    GREY: {
        "few": "it does not depend on color",
        "some": "color carries part of what it sees",
        "many": "it depends on color, and so on light and camera",
    },
    LOW_PASS: {
        "few": "it needs no lesion at all, only the coarse layout of colors: a strong sign of a shortcut",
        "some": "part of its answers rest on the coarse layout of colors",
        "many": "it needs detail, as an expert would",
    },
    ASPECT: {
        "few": "the shape of the frame and of the leaf does not decide",
        "some": "the shape of the frame or of the leaf matters somewhat",
        "many": "it depends on the shape of the frame or of the leaf",
    },
    LEAF_ONLY: {
        "few": "the leaf is enough",
        "some": "part of its answers need the background",
        "many": "it needs the background, or the mask takes away what it needs",
    },
    ANOTHER_BACKGROUND: {
        "few": "the background hardly matters",
        "some": "the background sways part of its answers",
        "many": "the background decides many of its answers",
    },
}


def transfer_meaning(row: Transfer) -> str:
    """Interprets the field recall of a class in one sentence."""
    name, points = class_in_text(row.name), f"{abs(100 * row.difference):.0f} points"
    if row.difference_ci[0] <= 0 <= row.difference_ci[1]:
        return f"{name}: no significant difference between laboratory and field."
    return f"{name}: recognized {points} {'less' if row.difference < 0 else 'more'} often in the field."


def record_audit(run: Run, split: str, audit: Audit) -> None:
    """Writes `eval/<split>/audit.json`."""
    record_results(run.path, {in_split(split, AUDIT): audit.to_dict()})


def read_audit(run: Run, split: str) -> Audit | None:
    """Reads the recorded audit of a run on a split; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    document = run.document(in_split(split, AUDIT))
    if document is None:
        return None
    try:
        return Audit(
            int(document["n"]), int(document["masked"]), str(document["weights_sha256"]),
            tuple(_cue(row) for row in document["cues"]), tuple(_transfer(row) for row in document["transfer"]),
        )  # fmt: skip
    except (TypeError, KeyError, ValueError):
        raise RunError(
            f"{in_split(split, AUDIT)} of run {run.name} is damaged; make it again: python -m training.audit"
        ) from None


def _cue(row: Mapping[str, Any]) -> Cue:
    if row["name"] not in TITLES:
        raise ValueError(row["name"])
    return Cue(
        row["name"], int(row["n"]), _share(row["top1"]), _interval(row["top1_ci"]), _optional(row["clean_top1"]),
        _optional(row["lost"]), None if row["lost_ci"] is None else _interval(row["lost_ci"]), _share(row["guess"]),
    )  # fmt: skip


def _transfer(row: Mapping[str, Any]) -> Transfer:
    return Transfer(
        str(row["name"]), int(row["n_laboratory"]), _share(row["laboratory"]), int(row["n_field"]),
        _share(row["field"]), float(row["difference"]), _interval(row["difference_ci"]),
    )  # fmt: skip


def _share(value: Any) -> float:
    if not 0 <= float(value) <= 1:
        raise ValueError(value)
    return float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _share(value)


def _interval(value: Any) -> Interval:
    low, high = value
    return float(low), float(high)
