"""Texts of the Calibration page. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.words import between, counted, joined, percent, rate, shell_word
from hvit.data.classes import crop_title
from hvit.data.unknown_kinds import GREEN, KNOWN, NOT_LEAF, UNKNOWN_CROP, UNKNOWN_DISEASE
from hvit.scoring.calibration_curves import CalibrationScores
from hvit.scoring.detection import Detection
from hvit.scoring.selective import OperatingPoint, SelectiveScores
from hvit.scoring.set_levels import SetScores

KINDS = {
    KNOWN: "Known photos",
    UNKNOWN_DISEASE: "Unknown disease of a known crop",
    UNKNOWN_CROP: "Leaf of an unknown crop",
    GREEN: "Green, but no leaf of a crop",
    NOT_LEAF: "No leaf at all",
}
UNKNOWN_TITLES = {
    UNKNOWN_DISEASE: "unknown diseases",
    UNKNOWN_CROP: "leaves of unknown crops",
    GREEN: "other green things",
    NOT_LEAF: "photos without a leaf",
}
DETECTORS = {
    "knn": "nearest neighbors",
    "knn_last_stages": "nearest neighbors, last stages",
    "mahalanobis": "Mahalanobis",
    "relative_mahalanobis": "relative Mahalanobis",
    "half_relative_mahalanobis": "half relative Mahalanobis",
    "vim": "ViM",
    "energy": "energy",
}
DATA_SET = "Data set"


def group_title(name: str, field: Sequence[str] = ()) -> str:
    """`All photos`, `field-256 (field)`."""
    if name == "all":
        return "All photos"
    return f"{name} (field)" if name in field else name


def level_title(alpha: float) -> str:
    """`2 %`, `0.5 %`; with a plain space, as an address carries it."""
    return f"{round(100 * alpha, 6):g} %"


def ece_sentence(error: float, expected: float) -> str:
    """Interprets an ECE, relative to that expected from binning alone."""
    if error <= 1.5 * expected:
        return "about what a perfectly calibrated model would show on so few photos"
    return f"a perfectly calibrated model would show {rate(expected)} on so few photos"


def confidence_gap(scores: CalibrationScores) -> str:
    """Direction of miscalibration: over- or underconfident on average."""
    difference = scores.confidence - scores.accuracy
    if abs(difference) < 0.005:
        return "mean probability and accuracy agree"
    direction = "higher" if difference > 0 else "lower"
    return f"the mean probability is {abs(100 * difference):.1f} points {direction} than the accuracy"


def calibration_rows(scores: Sequence[CalibrationScores], field: Sequence[str]) -> list[dict[str, Any]]:
    """Table of calibration by data set, for the screen."""
    return [
        {
            DATA_SET: group_title(row.group, field),
            "Photos": row.n,
            "Top-1, %": 100 * row.accuracy,
            "Mean probability, %": 100 * row.confidence,
            "ECE, %": 100 * row.ece,
            "ECE: 95 %": _span(row.ece_ci, 100),
            "ECE if calibrated, %": 100 * row.ece_expected,
            "NLL": row.nll,
            "NLL: 95 %": _span(row.nll_ci, 1, 3),
            "Brier": row.brier,
            "Brier: 95 %": _span(row.brier_ci, 1, 3),
        }
        for row in scores
    ]


def calibration_csv(scores: Sequence[CalibrationScores]) -> list[dict[str, Any]]:
    """The same table with all digits."""
    return [
        {"data": row.group, "n": row.n, "top1": row.accuracy, "mean_probability": row.confidence}
        | _with_interval("ece", row.ece, row.ece_ci)
        | {"ece_if_calibrated": row.ece_expected}
        | _with_interval("nll", row.nll, row.nll_ci)
        | _with_interval("brier", row.brier, row.brier_ci)
        for row in scores
    ]


def level_sentence(alpha: float, scores: SetScores, is_valid: bool) -> str:
    """Describes the sets of a level."""
    text = (
        f"Sets that may miss the true class for {level_title(alpha)} of the photos hold it for {rate(scores.coverage)} "
        f"({between(scores.coverage_ci)}) and have {scores.mean_size:.2f} classes on average. "
        f"{rate(scores.single)} of the photos get a single name"
    )
    if scores.single_correct is not None:
        text += f", and {rate(scores.single_correct)} of those names are correct"
    return text + "." + ("" if is_valid else " That is less than promised.")


def served_sentence(alpha: float, scores: SetScores) -> str:
    """Describes the sets with the thresholds of the run."""
    return (
        f"As served (level {level_title(alpha)}, thresholds from the calibrating photos): {rate(scores.coverage)} "
        f"({between(scores.coverage_ci)}), {scores.mean_size:.2f} classes, {rate(scores.single)} single names."
    )


def set_threshold_note(keep_two: bool) -> str:
    """Origin of the thresholds on the page."""
    text = (
        "Thresholds of the levels are cross-fitted on these photos: those of each fifth come from the other four. The "
        "promise holds for photos like these, on average over all of them, not for each data set or crop."
    )
    if keep_two:
        text += " Photos near the limit of unfamiliar keep two classes at least, as the run is served."
    return text


def set_rows(scores: Sequence[SetScores], by: str, field: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Table of prediction sets by data set or crop, for the screen."""
    return [
        {
            by: group_title(row.group, field) if by == DATA_SET else crop_title(row.group) or "No crop",
            "Photos": row.n,
            "Coverage, %": 100 * row.coverage,
            "Coverage: 95 %": _span(row.coverage_ci, 100),
            "Classes in a set": row.mean_size,
            "Single names, %": 100 * row.single,
            "Correct if single, %": None if row.single_correct is None else 100 * row.single_correct,
        }
        for row in scores
    ]


def set_csv(scores: Sequence[SetScores], level: float | None) -> list[dict[str, Any]]:
    """The same table with all digits; without level for the sets as served."""
    return [
        {"group": row.group, "level": "as served" if level is None else level, "n": row.n}
        | _with_interval("coverage", row.coverage, row.coverage_ci)
        | {"mean_set_size": row.mean_size, "single": row.single, "single_correct": row.single_correct}
        for row in scores
    ]


def selective_rows(scores: Sequence[tuple[str, SelectiveScores]], field: Sequence[str]) -> list[dict[str, Any]]:
    """Table of AURC by data set, for the screen."""
    return [
        {
            DATA_SET: group_title(name, field),
            "AURC x 1000": 1000 * row.aurc,
            "AURC: 95 %": _span(row.aurc_ci, 1000),
            "Best order x 1000": 1000 * row.best,
            "Order by chance x 1000": 1000 * row.random,
        }
        for name, row in scores
    ]


def selective_csv(scores: Sequence[tuple[str, SelectiveScores]]) -> list[dict[str, Any]]:
    """The same table with all digits."""
    return [
        {"data": name} | _with_interval("aurc", row.aurc, row.aurc_ci) | {"best": row.best, "random": row.random}
        for name, row in scores
    ]


def point_rows(points: Sequence[OperatingPoint]) -> list[dict[str, Any]]:
    """Table of operating points, for the screen."""
    return [
        {
            "Answered, %": 100 * point.coverage,
            "Photos": point.n,
            "Probability from, %": 100 * point.threshold,
            "Correct, %": None if point.accuracy is None else 100 * point.accuracy,
            "Correct: 95 %": "" if point.accuracy_ci is None else _span(point.accuracy_ci, 100),
        }
        for point in points
    ]


def point_csv(points: Sequence[OperatingPoint]) -> list[dict[str, Any]]:
    """The same table with all digits."""
    return [
        {"coverage": p.coverage, "n": p.n, "threshold": p.threshold}
        | _with_interval("accuracy", p.accuracy, p.accuracy_ci)
        for p in points
    ]


def detection_rows(found: Sequence[Detection], field: Sequence[str]) -> list[dict[str, Any]]:
    """Table of acceptance rates at a threshold, for the screen."""
    return [
        {
            "Kind": KINDS[row.kind],
            DATA_SET: group_title(row.data, field),
            "Photos": row.n,
            "Accepted, %": 100 * row.accepted,
            "Accepted: 95 %": _span(row.accepted_ci, 100),
            "Given a single name, %": 100 * row.named,
            "AUROC": row.auroc,
            "AUROC: 95 %": "" if row.auroc_ci is None else _span(row.auroc_ci, 1, 3),
        }
        for row in found
    ]


def detection_csv(found: Sequence[Detection], threshold: float) -> list[dict[str, Any]]:
    """The same table with all digits."""
    return [
        {"kind": row.kind, "data": row.data, "threshold": threshold, "n": row.n}
        | _with_interval("accepted", row.accepted, row.accepted_ci)
        | {"named": row.named}
        | _with_interval("auroc", row.auroc, row.auroc_ci)
        for row in found
    ]


def threshold_sentence(share: float, threshold: float, found: Sequence[Detection], limit: str = "A limit") -> str:
    """Acceptance of unknown photos at a threshold that accepts a share of the known photos.

    Args:
        found: one row a kind.
        limit: how the sentence begins.
    """
    text = f"{limit} of {threshold:.2f} accepts {rate(share)} of the known photos"
    accepted = {row.kind: row.accepted for row in found}
    parts = [f"{percent(accepted[kind])} of the {title}" for kind, title in UNKNOWN_TITLES.items() if kind in accepted]
    return f"{text}, and {joined(parts)}." if parts else f"{text}. No unknown photos are recorded."


def distance_commands(run: str) -> list[str]:
    """Commands that record distances of known and of unknown photos."""
    run = shell_word(run)
    return [
        f"python -m hvit evaluate --run {run} --data path/to/photos --save-distances",
        f"python -m hvit evaluate --run {run} --data path/to/unknown-photos --unknown-classes report --save-distances",
    ]


def missing_kinds(found: Sequence[Detection]) -> str | None:
    """Kinds of unknown photos that are not recorded."""
    lacking = [title.lower() for kind, title in KINDS.items() if kind not in {row.kind for row in found}]
    if not lacking:
        return None
    return f"Not recorded on this split: {'; '.join(lacking)} ({counted(len(lacking), 'kind')})."


def _span(interval: tuple[float, float], scale: float, digits: int = 1) -> str:
    return f"{scale * interval[0]:.{digits}f} to {scale * interval[1]:.{digits}f}"


def _with_interval(name: str, value: float | None, interval: tuple[float, float] | None) -> dict[str, Any]:
    low, high = interval or (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
