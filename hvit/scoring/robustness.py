"""Robustness scores: accuracy and verdicts against strength, mean corruption error, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from hvit.data.corruptions import CORRUPTIONS
from hvit.scoring.comparison import McNemar, mcnemar
from hvit.scoring.metrics import Z_95, wilson
from hvit.scoring.robustness_records import CLEAN, Answers, Robustness


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


@dataclass(frozen=True)
class PairedDifference:
    """Paired difference of two accuracies on the same photos.

    Attributes:
        first, second: accuracy of each.
        difference: second - first.
        low, high: its 95 % interval, see `paired_difference`.
        test: exact McNemar's test.
        n: photos.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    test: McNemar
    n: int


@dataclass(frozen=True)
class CorruptionErrors:
    """Corruption errors relative to a baseline (Hendrycks & Dietterich 2019, arXiv:1903.12261, section 4).

    Attributes:
        by_kind: sum of errors over strengths divided by that of the baseline, one a kind; None where the baseline makes
            no error.
        mean: mCE, the mean over kinds; None where a kind has none.
        relative_by_kind: the same of the increase over the error on clean photos; None where the baseline's does not
            increase.
        relative_mean: relative mCE, over the kinds where it is defined; None where it is for none.
        n: shared photos.
    """

    by_kind: dict[str, float | None]
    mean: float | None
    relative_by_kind: dict[str, float | None]
    relative_mean: float | None
    n: int


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


def paired_difference(first: np.ndarray, second: np.ndarray) -> PairedDifference:
    """Paired difference of two accuracies, with a 95 % interval and McNemar's exact test.

    The interval is Wald's for paired proportions with the correction of Bonett & Price (2012), which adds one
    photo to each kind of disagreement and so has a width where nothing differs.

    Args:
        first, second: whether each prediction is correct, (N,) bool.
    Raises:
        ValueError: the two differ in length, or are empty.
    """
    test, n = mcnemar(first, second), len(first)
    if n == 0:
        raise ValueError("no photos to compare accuracies on")
    gained, lost = (test.only_second + 1) / (n + 2), (test.only_first + 1) / (n + 2)
    center = gained - lost
    half = Z_95 * float(np.sqrt(max(gained + lost - center**2, 0) / (n + 2)))
    a, b = float(np.mean(first)), float(np.mean(second))
    return PairedDifference(a, b, b - a, max(-1.0, center - half), min(1.0, center + half), test, n)


def drop(found: Robustness, kind: str, strength: int) -> PairedDifference:
    """Accuracy under a corruption minus that of the same photos unchanged."""
    changed = found.cells[kind, strength]
    return paired_difference(found.clean.only(changed.photos).correct, changed.correct)


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


def difference_of_runs(first: Robustness, second: Robustness, kind: str, strength: int) -> PairedDifference:
    """Accuracy of a second run minus that of a first under the same corruption, on their shared photos.

    Raises:
        ValueError: the runs share no photo.
    """
    one, other = shared(first, second)
    return paired_difference(one.cells[kind, strength].correct, other.cells[kind, strength].correct)


def shared(first: Robustness, second: Robustness) -> tuple[Robustness, Robustness]:
    """Restricts two runs to the cells and photos that both recorded, in the same order.

    Raises:
        ValueError: they share no photo, or no kind of change.
    """
    common = set(_keys(first)) & set(_keys(second))
    if not common:
        raise ValueError(
            f"runs {first.run} and {second.run} were stressed on different photos; stress both with the same "
            "--data, --split, --photos and --seed"
        )
    order = [key for key in _keys(first) if key in common]
    one, other = _restricted(first, order), _restricted(second, order)
    cells = [cell for cell in one.cells if cell in other.cells and _same_photos(one.cells[cell], other.cells[cell])]
    if cells == [(CLEAN, 0)] or not cells:
        raise ValueError(
            f"runs {first.run} and {second.run} share no kind of change; stress both with the same --kinds"
        )
    return _with_cells(one, cells), _with_cells(other, cells)


def corruption_errors(found: Robustness, baseline: Robustness) -> CorruptionErrors:
    """Corruption errors of a run relative to a baseline run, on the photos and corruptions that both recorded.

    Raises:
        ValueError: they share no photo or no corruption.
    """
    run, base = shared(found, baseline)
    kinds = [kind for kind in run.kinds if kind in CORRUPTIONS]
    errors = {kind: tuple(_errors(each, kind) for each in (run, base)) for kind in kinds}
    clean = tuple(1 - float(each.clean.correct.mean()) for each in (run, base))
    by_kind = {kind: _ratio(a.sum(), b.sum()) for kind, (a, b) in errors.items()}
    relative = {kind: _ratio((a - clean[0]).sum(), (b - clean[1]).sum()) for kind, (a, b) in errors.items()}
    defined = [value for value in relative.values() if value is not None]
    whole = [value for value in by_kind.values() if value is not None]
    return CorruptionErrors(
        by_kind,
        float(np.mean(whole)) if len(whole) == len(by_kind) and whole else None,
        relative,
        float(np.mean(defined)) if defined else None,
        len(run),
    )


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


def _scores(kind: str, strength: int, answers: Answers) -> CellScores:
    n, num_correct, num_named = len(answers), int(answers.correct.sum()), int(answers.named.sum())
    return CellScores(
        kind,
        strength,
        n,
        num_correct / n,
        wilson(num_correct, n),
        num_named / n,
        float(answers.correct[answers.named].mean()) if num_named else None,
        float(answers.covered.mean()),
        float(answers.set_size.mean()),
        float(answers.accepted.mean()),
    )


def _mean_scores(found: Robustness, kinds: Sequence[str], strength: int) -> CellScores:
    """Over kinds; at strength 0, of the photos as they are."""
    if strength == 0:
        return _scores("mean", 0, found.clean)
    answers = [found.cells[kind, strength] for kind in kinds]
    parts = [_scores(kind, strength, each) for kind, each in zip(kinds, answers)]
    correct = np.mean([each.correct for each in answers], axis=0)
    num_named = sum(int(each.named.sum()) for each in answers)
    right_named = sum(int((each.correct & each.named).sum()) for each in answers)

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


def _errors(found: Robustness, kind: str) -> np.ndarray:
    """Error at each strength."""
    return np.array([1 - found.cells[kind, strength].correct.mean() for strength in found.strengths(kind)])


def _ratio(error: float, baseline: float) -> float | None:
    return float(error / baseline) if baseline > 0 else None


def _keys(found: Robustness) -> list[tuple[str, str]]:
    """Content, class and path of each photo, as a key for pairing."""
    return [(f"{sha256} {path}", label) for sha256, path, label in zip(found.sha256, found.paths, found.labels)]


def _restricted(found: Robustness, order: Sequence[tuple[str, str]]) -> Robustness:
    """Selects the photos of some keys, in their order."""
    row_of = {key: row for row, key in enumerate(_keys(found))}
    rows = [row_of[key] for key in order]
    new_number = {row: number for number, row in enumerate(rows)}
    cells = {}
    for cell, answers in found.cells.items():
        kept = answers.only(np.array(rows))
        numbers = np.array([new_number[int(photo)] for photo in kept.photos], dtype=int)
        sorting = np.argsort(numbers)
        columns = {name: getattr(kept, name)[sorting] for name in Answers.__dataclass_fields__}
        cells[cell] = Answers(**columns | {"photos": numbers[sorting]})
    sha256, paths, data, labels = (
        tuple(column[row] for row in rows) for column in (found.sha256, found.paths, found.data, found.labels)
    )
    return Robustness(found.run, found.split, sha256, paths, data, labels, cells)


def _with_cells(found: Robustness, cells: Sequence[tuple[str, int]]) -> Robustness:
    return replace(found, cells={cell: found.cells[cell] for cell in cells})


def _same_photos(first: Answers, second: Answers) -> bool:
    return len(first) > 0 and np.array_equal(first.photos, second.photos)


def _change(difference: PairedDifference) -> dict[str, float]:
    """A paired difference as recorded, without the two accuracies."""
    return {name: getattr(difference, name) for name in ("difference", "low", "high")} | {"p": difference.test.p}


def _plain(value: Any) -> dict[str, Any]:
    return asdict(value)
