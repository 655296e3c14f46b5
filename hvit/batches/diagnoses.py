"""Converts one photo of a batch to a `Diagnosis`, for pages and reports."""

from __future__ import annotations

import numpy as np

from hvit.batches.results import UNREADABLE, WAITING, Results
from hvit.batches.scores import SEVERITY
from hvit.diagnosis import Diagnosis
from hvit.severity.estimator import Severity
from hvit.verdicts import NAMED, UNFAMILIAR
from hvit.words import verdict_message, with_area


def diagnosis_of(results: Results, row: int, run: str) -> Diagnosis:
    """The diagnosis of photo number `row`, without pixels and heatmap.

    Args:
        run: name of the run that scored it.
    Raises:
        ValueError: the photo is not scored yet.
    """
    verdict = str(results.verdicts[row])
    if verdict == WAITING:
        raise ValueError(f"{results.photos[row].name} is not scored yet")
    if verdict == UNREADABLE:
        return _unreadable(results, row, run)
    candidates = results.candidates(row)
    names, probs = [name for name, _ in candidates], [p for _, p in candidates]
    ood_score, severity = float(results.ood_score[row]), _severity(results, row)
    near_limit = bool(results.near_limit[row])
    message = verdict_message(verdict, names, probs, results.classes, near_limit)
    return Diagnosis(
        sha256=results.sha256[row],
        error=None,
        verdict=verdict,
        message=message if severity is None or verdict != NAMED else with_area(message, names[0], severity),
        label=results.label(row),
        probability=float(results.probability[row]),
        probabilities={name: float(p) for name, p in zip(results.classes, results.probs[row])},
        prediction_set=names,
        in_distribution=verdict != UNFAMILIAR,
        ood_score=None if np.isnan(ood_score) else ood_score,
        severity=severity,
        flags=list(results.flags[row]),
        run=run,
        severity_reason=results.severity_reason[row] or None,
        near_limit=near_limit,
    )


def _unreadable(results: Results, row: int, run: str) -> Diagnosis:
    error = results.errors[row]
    return Diagnosis(
        sha256=results.sha256[row], error=error, verdict=UNREADABLE, message=f"Cannot be read: {error}", label=None,
        probability=None, probabilities=None, prediction_set=None, in_distribution=None, ood_score=None,
        severity=None, flags=[], run=run,
    )  # fmt: skip


def _severity(results: Results, row: int) -> Severity | None:
    """The measured area; None where there is none."""
    values = {name: float(results.severity[name][row]) for name in SEVERITY}
    if any(np.isnan(value) for value in values.values()):
        return None
    lesions = int(values.pop("lesions"))
    return Severity(lesions=lesions, **values)
