"""Robustness scores: accuracy and verdicts against strength, mean corruption error, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hvit.data.corruptions import CORRUPTIONS
from hvit.scoring.metrics import Z_95, wilson
from hvit.scoring.robustness_comparison import PairedDifference, corruption_errors, drop
from hvit.scoring.robustness_records import CLEAN, CellPredictions, Robustness


@dataclass(frozen=True)
class CellScores:
    """Scores under one corruption at one strength.

    Attributes:
        kind, strength: of the change; "clean" and 0 of photos as they are.
        n: photos.
        top1, top1_ci: accuracy and its 95 % interval (Wilson).
        named: share given a single class.
        named_correct: accuracy of those; None where none is named.
        coverage: share of prediction sets that hold the true class.
        set_size: mean number of classes in them.
        accepted: share not called unfamiliar.
    """

    kind: str
    strength: int
    n: int
    top1: float
    top1_ci: tuple[float, float]
    named: float
    named_correct: float | None
    coverage: float
    set_size: float
    accepted: float


def cell_scores(found: Robustness, kind: str, strength: int) -> CellScores:
    """Scores of one corruption at one strength.

    Raises:
        KeyError: it was not recorded.
    """
    return _scores(kind, strength, found.cells[kind, strength])


def curve(found: Robustness, kind: str) -> list[CellScores]:
    """Scores at strength 0 (the same photos, unchanged) and at each recorded strength."""
    strengths = found.strengths(kind)
    answered = found.cells[kind, strengths[0]].photos
    clean = _scores(kind, 0, found.clean.only(answered))
    return [clean, *(cell_scores(found, kind, strength) for strength in strengths)]


def mean_curve(found: Robustness) -> list[CellScores]:
    """Scores averaged over all recorded corruptions with equal weight, without attacks.

    Returns:
        One a strength from 0, with kind "mean"; `top1_ci` is that of a mean over photos, see `_mean_interval`. Empty
        where no corruption was recorded at five strengths.
    """
    kinds = [kind for kind in found.kinds if kind in CORRUPTIONS]
    if not kinds:
        return []
    strengths = [0, *found.strengths(kinds[0])]
    return [_mean_scores(found, kinds, strength) for strength in strengths]


def newly_misnamed(found: Robustness, kinds: Sequence[str] | None = None) -> tuple[int, int]:
    """Counts versions of correctly named photos that are named wrongly, and all such versions.

    Args:
        kinds: of change; all recorded corruptions where left out.
    """
    named_correctly = found.clean.photos[found.clean.named & found.clean.correct]
    wrong, versions = 0, 0
    for kind in [kind for kind in found.kinds if kind in CORRUPTIONS] if kinds is None else kinds:
        for strength in found.strengths(kind):
            changed = found.cells[kind, strength].only(named_correctly)
            wrong += int((changed.named & ~changed.correct).sum())
            versions += len(changed)
    return wrong, versions


def summary(found: Robustness, baseline: Robustness | None = None) -> dict[str, Any]:
    """All scores as a JSON document: the content of `robustness.json`."""
    document: dict[str, Any] = {
        "run": found.run,
        "split": found.split,
        "n": len(found),
        "clean": _plain(cell_scores(found, CLEAN, 0)),
        "newly_misnamed": dict(zip(("n", "versions"), newly_misnamed(found))),
        "mean": [_plain(scores) for scores in mean_curve(found)],
        "kinds": {
            kind: [
                _plain(cell_scores(found, kind, strength)) | {"drop": _change(drop(found, kind, strength))}
                for strength in found.strengths(kind)
            ]
            for kind in found.kinds
        },
    }
    if baseline is not None:
        document["baseline"] = {"run": baseline.run} | _plain(corruption_errors(found, baseline))
    return document


def _scores(kind: str, strength: int, predictions: CellPredictions) -> CellScores:
    n, num_correct, num_named = len(predictions), int(predictions.correct.sum()), int(predictions.named.sum())
    return CellScores(
        kind,
        strength,
        n,
        num_correct / n,
        wilson(num_correct, n),
        num_named / n,
        float(predictions.correct[predictions.named].mean()) if num_named else None,
        float(predictions.covered.mean()),
        float(predictions.set_size.mean()),
        float(predictions.accepted.mean()),
    )


def _mean_scores(found: Robustness, kinds: Sequence[str], strength: int) -> CellScores:
    """Over kinds; at strength 0, of the photos as they are."""
    if strength == 0:
        return _scores("mean", 0, found.clean)
    predictions = [found.cells[kind, strength] for kind in kinds]
    parts = [_scores(kind, strength, each) for kind, each in zip(kinds, predictions)]
    correct = np.mean([each.correct for each in predictions], axis=0)
    num_named = sum(int(each.named.sum()) for each in predictions)
    right_named = sum(int((each.correct & each.named).sum()) for each in predictions)

    def mean(name: str) -> float:
        return float(np.mean([getattr(part, name) for part in parts]))

    return CellScores(
        "mean", strength, len(correct), mean("top1"), _mean_interval(correct), mean("named"),
        right_named / num_named if num_named else None, mean("coverage"), mean("set_size"), mean("accepted"),
    )  # fmt: skip


def _mean_interval(shares: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean over photos of the share of kinds under which each is correct (normal)."""
    half = Z_95 * float(shares.std(ddof=1) / np.sqrt(len(shares))) if len(shares) > 1 else 1.0
    return max(0.0, float(shares.mean()) - half), min(1.0, float(shares.mean()) + half)


def _change(difference: PairedDifference) -> dict[str, float]:
    """A paired difference as recorded, without the two accuracies."""
    return {name: getattr(difference, name) for name in ("difference", "low", "high")} | {"p": difference.test.p}


def _plain(value: Any) -> dict[str, Any]:
    return asdict(value)
