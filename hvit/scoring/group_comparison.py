"""Seed groups on one split: mean scores with intervals, and paired comparisons with significance tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.runs.predictions import Predictions, align_labels, shared_photos
from hvit.scoring.comparison import Gain, McNemar, holm, mcnemar, paired_f1_gain, paired_gain
from hvit.scoring.intervals import Interval, accuracy_interval, f1_resamples, macro_f1_interval
from hvit.scoring.recorded_scores import SplitScores


@dataclass(frozen=True)
class GroupScore:
    """Mean scores of a seed group on a split, with 95 % intervals.

    Attributes:
        seeds: of the runs that were evaluated.
        n: photos; None where the runs were evaluated on different ones.
        top1_ci, macro_f1_ci: None where the photos differ, or no predictions were recorded.
        nll, ece: None where no predictions were recorded.
    """

    name: str
    seeds: tuple[int | None, ...]
    n: int | None
    top1: float
    top1_ci: Interval | None
    macro_f1: float | None
    macro_f1_ci: Interval | None
    nll: float | None
    ece: float | None


@dataclass(frozen=True)
class JointIntervals:
    """Number of photos and 95 % intervals of several runs together; None where their photos differ."""

    n: int | None
    top1_ci: Interval | None
    macro_f1_ci: Interval | None


@dataclass(frozen=True)
class EvaluatedRun:
    """A run with its recorded predictions on the compared split."""

    name: str
    seed: int | None
    predictions: Predictions


@dataclass(frozen=True)
class EvaluatedGroup:
    """A seed group with its evaluated runs; empty where none was evaluated."""

    name: str
    runs: tuple[EvaluatedRun, ...]


RunPairs = Sequence[tuple[EvaluatedRun, EvaluatedRun]]


@dataclass(frozen=True)
class PairedComparison:
    """Runs of equal seed of two groups, compared on the photos they share.

    Attributes:
        tests: McNemar's test of each pair of runs.
        note: how many photos are compared, where not all are shared.
    """

    top1: Gain
    macro_f1: Gain
    tests: tuple[McNemar, ...]
    note: str | None


@dataclass(frozen=True)
class GroupPair:
    """Gains of the second group over the first, on the same photos and over runs of equal seed."""

    first: str
    second: str
    top1: Gain
    macro_f1: Gain


@dataclass(frozen=True)
class RunPair:
    """McNemar's test of two runs on the same photos.

    Attributes:
        corrected: its p-value after Holm's correction over all pairs of runs that were compared at once.
        photos: shared by both.
    """

    first: str
    second: str
    test: McNemar
    corrected: float
    photos: int


@dataclass(frozen=True)
class GroupComparisons:
    """Pairwise comparisons of several seed groups.

    Attributes:
        limitations: why some could not be compared, or not on all of their photos, in one sentence each.
    """

    pairs: tuple[GroupPair, ...]
    run_pairs: tuple[RunPair, ...]
    limitations: tuple[str, ...]


def joint_intervals(predictions: Sequence[Predictions]) -> JointIntervals:
    """Bootstrap intervals over runs and photos of several runs with the same photos."""
    rows = shared_photos(predictions)
    if any(len(rows[0]) != len(each) for each in predictions):
        return JointIntervals(None, None, None)
    labels, predicted_by_run = align_labels(predictions, rows)
    predicted = np.stack(predicted_by_run)
    K = int(max(labels.max(), predicted.max())) + 1
    f1_ci = macro_f1_interval(f1_resamples(labels, predicted, K))
    return JointIntervals(len(labels), accuracy_interval(predicted == labels), f1_ci)


def group_score(
    name: str, seeds: Sequence[int | None], scores: Sequence[SplitScores], joint: JointIntervals | None = None
) -> GroupScore:
    """Mean scores of the evaluated runs of a group.

    Args:
        scores: of each run, at least one.
        joint: from `joint_intervals`; None for a group of one run, whose own intervals hold.
    """
    if joint is None:
        joint = JointIntervals(scores[0].n, scores[0].top1_ci, scores[0].macro_f1_ci)
    top1, f1, nll, ece = (
        float(np.mean([getattr(each, key) for each in scores])) for key in ("top1", "macro_f1", "nll", "ece")
    )
    return GroupScore(name, tuple(seeds), joint.n, top1, joint.top1_ci, f1, joint.macro_f1_ci, nll, ece)


def recorded_group_score(
    name: str, seeds: Sequence[int | None], documents: Sequence[dict[str, Any] | None]
) -> GroupScore | None:
    """Mean of the recorded scores; None where no run recorded top-1 accuracy.

    Args:
        documents: of the runs, in the order of their seeds.
    """
    kept = [(seed, d) for seed, d in zip(seeds, documents) if isinstance(d, dict) and isinstance(d.get("top1"), float)]
    if not kept:
        return None
    found = [document for _, document in kept]
    f1 = [d["macro_f1"] for d in found if isinstance(d.get("macro_f1"), float)]
    interval = found[0].get("top1_ci") if len(found) == 1 else None
    return GroupScore(
        name,
        tuple(seed for seed, _ in kept),
        found[0].get("n") if len({d.get("n") for d in found}) == 1 else None,
        float(np.mean([d["top1"] for d in found])),
        tuple(interval) if interval else None,
        float(np.mean(f1)) if len(f1) == len(found) else None,
        None,
        None,
        None,
    )


def pair_by_seed(
    first: EvaluatedGroup, second: EvaluatedGroup, split: str
) -> tuple[list[tuple[EvaluatedRun, EvaluatedRun]], str | None]:
    """Pairs runs of equal seed; also returns a sentence on unpaired runs."""
    for group in (first, second):
        if not group.runs:
            return [], f"{first.name} and {second.name}: {group.name} has no predictions on {split}"
    if len(first.runs) == len(second.runs) == 1:
        return [(first.runs[0], second.runs[0])], None  # of one run each the seeds need not be equal
    by_seed = [{run.seed: run for run in group.runs} for group in (first, second)]
    common = [seed for seed in by_seed[0] if seed in by_seed[1]]
    if not common:
        return [], f"{first.name} and {second.name} have no seed in common to pair their runs by"
    left = len(first.runs) + len(second.runs) - 2 * len(common)
    several = f"{len(common)} seeds in common" if len(common) > 1 else "the one seed in common"
    reason = f"{first.name} and {second.name}: compared on {several}; {left} more run{'s' if left > 1 else ''} left out"
    return [(by_seed[0][seed], by_seed[1][seed]) for seed in common], reason if left else None


def compare_pairs(pairs: RunPairs) -> PairedComparison | None:
    """Paired gains and McNemar's tests on the photos that all runs share; None without shared photos."""
    flat = [run.predictions for pair in pairs for run in pair]
    rows = shared_photos(flat)
    sizes = sorted({len(predictions) for predictions in flat})
    if not len(rows[0]):
        return None
    labels, predicted = align_labels(flat, rows)
    first, second = np.stack(predicted[::2]), np.stack(predicted[1::2])
    tests = tuple(mcnemar(a == labels, b == labels) for a, b in zip(first, second))
    note = None
    if len(labels) < sizes[-1]:
        counts = " and ".join(f"{size:,}" for size in sizes)
        note = f"not evaluated on the same pictures ({counts}); compared on the {len(labels):,} they share"
    gains = paired_gain(first == labels, second == labels), paired_f1_gain(labels, first, second)
    return PairedComparison(*gains, tests, note)


def compare_groups(
    groups: Sequence[EvaluatedGroup],
    split: str,
    against: str | None = None,
    compare: Callable[[RunPairs], PairedComparison | None] = compare_pairs,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> GroupComparisons:
    """Compares all pairs of groups, or all with one; runs are paired by seed.

    Args:
        split: the runs were evaluated on, for the sentences.
        against: name of the group that all others are compared with; None for every two.
        compare: `compare_pairs`, or the same with a cache.
        progress: called with the number of compared pairs and their total.
    """
    named = {group.name: group for group in groups}
    couples = list(itertools.combinations(named, 2))
    if against is not None:
        couples = [(against, name) for name in named if name != against]
    pairs, tested, limitations = [], [], []
    for done, (first, second) in enumerate(couples):
        progress(done, len(couples))
        run_pairs, reason = pair_by_seed(named[first], named[second], split)
        limitations += [reason] if reason else []
        if not run_pairs:
            continue
        found = compare(run_pairs)
        if found is None:
            text = "they were not evaluated on the same pictures, so that they cannot be compared"
            limitations.append(f"{first} and {second}: {text}")
            continue
        limitations += [f"{first} and {second}: {found.note}"] if found.note else []
        pairs.append(GroupPair(first, second, found.top1, found.macro_f1))
        tested += [(a.name, b.name, test, found.top1.photos) for (a, b), test in zip(run_pairs, found.tests)]
    corrected = holm([test.p for _, _, test, _ in tested])
    return GroupComparisons(
        tuple(pairs),
        tuple(RunPair(a, b, test, p, n) for (a, b, test, n), p in zip(tested, corrected)),
        tuple(limitations),
    )
