"""Audit of shortcuts: accuracy with one visual cue removed, attribution by region, recall in laboratory and field."""

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
from hvit.scoring.audit_rows import ASPECT_ONLY, CORNERS, REGIONS, TITLES, AttributionShare, Cue, Transfer
from hvit.scoring.audit_words import attribution_meaning, meaning, transfer_meaning
from hvit.scoring.calibration_curves import data_sets_of
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import Z_95, wilson

FEWEST = 5  # photos of a class in each place, below which its transfer is not told


@dataclass(frozen=True)
class Audit:
    """Results of `training.audit`.

    Attributes:
        n: photos.
        masked: photos whose leaf could be separated, on which rows that need a mask are measured.
        weights_sha256: of the model weights.
        cues: of `TITLES`.
        transfer: classes with laboratory and field photos, the largest loss first.
        leaf_masks: the run whose segmentation head found leaves; None for color. Drawn leaves have exact masks.
        attribution: on leaf and lesion; empty for a run whose explanations were not tested, or without masks.
    """

    n: int
    masked: int
    weights_sha256: str
    cues: tuple[Cue, ...]
    transfer: tuple[Transfer, ...]
    leaf_masks: str | None = None
    attribution: tuple[AttributionShare, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON, each row with the sentence that says what it means."""
        cues = [asdict(cue) | {"meaning": meaning(cue)} for cue in self.cues]
        rows = [asdict(row) | {"meaning": transfer_meaning(row)} for row in self.transfer]
        shares = [asdict(row) | {"meaning": attribution_meaning(row)} for row in self.attribution]
        return asdict(self) | {"cues": cues, "transfer": rows, "attribution": shares}


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


def aspect_cue(sides: np.ndarray, labels: np.ndarray, training_sides: np.ndarray, training_labels: np.ndarray) -> Cue:
    """A classifier that sees nothing but the proportions of a photo: the most frequent class of the nearest ones.

    Args:
        sides, training_sides: height and width, (N, 2) and (M, 2).
        labels, training_labels: class numbers, (N,) and (M,).
    Raises:
        ValueError: there are no photos to learn from, or to answer.
    """
    if not len(labels) or not len(training_labels):
        raise ValueError("proportions need photos to learn from and photos to answer")
    ratios, training_ratios = (np.log(each[:, 0] / each[:, 1]) for each in (sides, training_sides))
    known, places = np.unique(training_ratios, return_inverse=True)
    votes = np.zeros((len(known), 1 + max(labels.max(), training_labels.max())), int)
    np.add.at(votes, (places, training_labels), 1)
    nearest = np.abs(ratios[:, None] - known).argmin(1)
    hits, n = int((votes.argmax(1)[nearest] == labels).sum()), len(labels)
    return Cue(ASPECT_ONLY, n, hits / n, wilson(hits, n), None, None, None, _guess(labels))


def attribution_share(region: str, method: str, shares: np.ndarray, areas: np.ndarray) -> AttributionShare:
    """Mean share of the attribution in a region against its share of the pixels.

    Args:
        shares, areas: of each photo that shows the region, (N,).
    Raises:
        ValueError: there are fewer than two photos.
    """
    n = len(shares)
    if n < 2:
        raise ValueError(f"{n} photos show the {region}; expected at least two")
    leads = np.asarray(shares) - np.asarray(areas)
    lead, half = float(leads.mean()), Z_95 * float(leads.std(ddof=1) / math.sqrt(n))
    return AttributionShare(
        region, method, n, float(np.mean(shares)), float(np.mean(areas)), lead, (lead - half, lead + half)
    )


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
            document.get("leaf_masks"), tuple(_attribution(row) for row in document.get("attribution", ())),
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


def _attribution(row: Mapping[str, Any]) -> AttributionShare:
    if row["region"] not in REGIONS:
        raise ValueError(row["region"])
    return AttributionShare(
        row["region"], str(row["method"]), int(row["n"]), _share(row["share"]), _share(row["area"]),
        float(row["lead"]), _interval(row["lead_ci"]),
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
