"""Paired comparisons under corruptions: of strengths, and of two runs on the photos that both recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hvit.data.corruptions import CORRUPTIONS
from hvit.scoring.comparison import McNemar, mcnemar
from hvit.scoring.metrics import Z_95
from hvit.scoring.robustness_records import CLEAN, CellPredictions, Robustness


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
    for cell, predictions in found.cells.items():
        kept = predictions.only(np.array(rows))
        numbers = np.array([new_number[int(photo)] for photo in kept.photos], dtype=int)
        sorting = np.argsort(numbers)
        columns = {name: getattr(kept, name)[sorting] for name in CellPredictions.__dataclass_fields__}
        cells[cell] = CellPredictions(**columns | {"photos": numbers[sorting]})
    sha256, paths, data, labels = (
        tuple(column[row] for row in rows) for column in (found.sha256, found.paths, found.data, found.labels)
    )
    return Robustness(found.run, found.split, sha256, paths, data, labels, cells)


def _with_cells(found: Robustness, cells: Sequence[tuple[str, int]]) -> Robustness:
    return replace(found, cells={cell: found.cells[cell] for cell in cells})


def _same_photos(first: CellPredictions, second: CellPredictions) -> bool:
    return len(first) > 0 and np.array_equal(first.photos, second.photos)


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
