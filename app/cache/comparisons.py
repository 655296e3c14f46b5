"""Runs side by side: ways of training, their scores, and whether they differ, computed once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.cache.evaluations import answers_of, scores_of
from app.cache.records import Record, stamp
from hvit.files import CARD
from hvit.runs import Run, RunError
from hvit.runs.predictions import Answers, numbered_alike, shared
from hvit.runs.seed_groups import Way, ways_of
from hvit.scoring.comparison import Gain, McNemar, holm, mcnemar, paired_f1_gain, paired_gain
from hvit.scoring.intervals import Interval, accuracy_interval, f1_draws, macro_f1_interval

REMEMBERED = 256


@dataclass(frozen=True)
class WayScore:
    """What a way of training is worth on a split: means over its runs, with intervals of 95 %.

    Attributes:
        seeds: of the runs that were evaluated.
        n: pictures; None where the runs answered different ones.
        top1_ci, macro_f1_ci: None where the runs answered different pictures, or recorded no predictions.
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
class Pair:
    """Two ways on the same pictures.

    Attributes:
        first, second: their names.
        top1, macro_f1: gains of the second over the first, over runs of equal seed.
    """

    first: str
    second: str
    top1: Gain
    macro_f1: Gain


@dataclass(frozen=True)
class RunPair:
    """Two runs on the same pictures.

    Attributes:
        test: McNemar's.
        corrected: its p-value after Holm's correction over all pairs of runs compared at once.
        pictures: shared by both.
    """

    first: str
    second: str
    test: McNemar
    corrected: float
    pictures: int


@dataclass(frozen=True)
class Verdicts:
    """Which of several ways are better.

    Attributes:
        unlike: why some could not be compared, or not on all of their pictures, in one sentence each.
    """

    pairs: tuple[Pair, ...]
    run_pairs: tuple[RunPair, ...]
    unlike: tuple[str, ...]


def all_ways(records: Sequence[Record]) -> list[Way[Record]]:
    """Runs sorted into ways of training, by name."""
    return ways_of(records)


def evaluated(way: Way[Record], split: str) -> list[tuple[Record, Answers]]:
    """The runs of a way with recorded predictions on a split.

    Raises:
        RunError: those of one are damaged.
    """
    found = [(record, answers_of(record, split)) for record in way.members if split in record.splits]
    return [(record, answers) for record, answers in found if answers is not None]


def way_score(way: Way[Record], split: str) -> WayScore | None:
    """Scores of a way, from predictions or else from recorded scores; None where it was not evaluated.

    Raises:
        RunError: what one of its runs recorded is damaged.
    """
    found = evaluated(way, split)
    if not found:
        return _recorded_score(way, split)
    scores = [scores_of(record, split) for record, _ in found]
    seeds = tuple(record.seed for record, _ in found)
    if len(found) == 1:
        n, top1_ci, f1_ci = scores[0].n, scores[0].top1_ci, scores[0].macro_f1_ci
    else:
        n, top1_ci, f1_ci = _joint(tuple(_key(record, split) for record, _ in found), [a for _, a in found])
    means = (float(np.mean([getattr(s, name) for s in scores])) for name in ("top1", "macro_f1", "nll", "ece"))
    top1, f1, nll, ece = means
    return WayScore(way.name, seeds, n, top1, top1_ci, f1, f1_ci, nll, ece)


def _recorded_score(way: Way[Record], split: str) -> WayScore | None:
    members = [record for record in way.members if split in record.scored]
    documents = [Run(record.path).evaluation(split) for record in members]
    kept = [(r, d) for r, d in zip(members, documents) if isinstance(d, dict) and isinstance(d.get("top1"), float)]
    if not kept:
        return None
    seeds, documents = tuple(record.seed for record, _ in kept), [document for _, document in kept]
    f1 = [d["macro_f1"] for d in documents if isinstance(d.get("macro_f1"), float)]
    interval = documents[0].get("top1_ci") if len(documents) == 1 else None
    return WayScore(
        way.name,
        seeds,
        documents[0].get("n") if len({d.get("n") for d in documents}) == 1 else None,
        float(np.mean([d["top1"] for d in documents])),
        tuple(interval) if interval else None,
        float(np.mean(f1)) if len(f1) == len(documents) else None,
        None,
        None,
        None,
    )


def _key(record: Record, split: str) -> tuple:
    return str(record.path), split, stamp(record.path, f"eval/{split}/predictions.parquet"), stamp(record.path, CARD)


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _joint(keys: tuple, _answers: list[Answers]) -> tuple[int | None, Interval | None, Interval | None]:
    """Pictures and intervals of several runs at once; None where they answered different pictures."""
    rows = shared(_answers)
    if any(len(rows[0]) != len(answers) for answers in _answers):
        return None, None, None
    labels, predicted = numbered_alike(_answers, rows)
    predicted = np.stack(predicted)
    K = int(max(labels.max(), predicted.max())) + 1
    return (
        len(labels),
        accuracy_interval(predicted == labels),
        macro_f1_interval(f1_draws(labels, predicted, K)),
    )


def verdicts(
    ways: Sequence[Way[Record]],
    split: str,
    against: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdicts:
    """Compares each way with each, or all with one; runs are paired by seed.

    Args:
        against: name of the way all others are compared with; None for each with each.
        progress: called with the pairs done and their number.
    Raises:
        RunError: what a run recorded is damaged.
    """
    named = {way.name: way for way in ways}
    couples = list(itertools.combinations(named, 2))
    if against is not None:
        couples = [(against, name) for name in named if name != against]
    pairs, run_pairs, unlike = [], [], []
    for done, (first, second) in enumerate(couples):
        progress(done, len(couples))
        chosen, reason = _paired_runs(named[first], named[second], split)
        if reason:
            unlike.append(reason)
        if not chosen:
            continue
        keys = tuple((_key(a, split), _key(b, split)) for a, b in chosen)
        answers = [(answers_of(a, split), answers_of(b, split)) for a, b in chosen]
        found = _compared(keys, answers)
        if isinstance(found, str):
            unlike.append(f"{first} and {second}: {found}")
            continue
        top1, f1, tests, least = found
        if least:
            unlike.append(f"{first} and {second}: {least}")
        pairs.append(Pair(first, second, top1, f1))
        run_pairs += [(a.name, b.name, test, top1.photos) for (a, b), test in zip(chosen, tests)]
    corrected = holm([test.p for _, _, test, _ in run_pairs])
    tested = tuple(RunPair(a, b, test, p, n) for (a, b, test, n), p in zip(run_pairs, corrected))
    return Verdicts(tuple(pairs), tested, tuple(unlike))


def _paired_runs(first: Way[Record], second: Way[Record], split: str) -> tuple[list[tuple[Record, Record]], str | None]:
    """Runs of equal seed, and what there is to say of those left out."""
    found = [[record for record, _ in evaluated(way, split)] for way in (first, second)]
    for way, runs in zip((first, second), found):
        if not runs:
            return [], f"{first.name} and {second.name}: {way.name} has no predictions on {split}"
    if all(len(runs) == 1 for runs in found):
        return [(found[0][0], found[1][0])], None  # of one run each the seeds need not be equal
    by_seed = [{record.seed: record for record in runs} for runs in found]
    common = [seed for seed in by_seed[0] if seed in by_seed[1]]
    if not common:
        return [], f"{first.name} and {second.name} have no seed in common to pair their runs by"
    left = sum(len(runs) for runs in found) - 2 * len(common)
    several = f"{len(common)} seeds in common" if len(common) > 1 else "the one seed in common"
    reason = f"{first.name} and {second.name}: compared on {several}; {left} more run{'s' if left > 1 else ''} left out"
    return [(by_seed[0][seed], by_seed[1][seed]) for seed in common], reason if left else None


@st.cache_resource(max_entries=REMEMBERED, show_spinner=False)
def _compared(
    keys: tuple, _answers: list[tuple[Answers, Answers]]
) -> tuple[Gain, Gain, list[McNemar], str | None] | str:
    """Gains and tests on the pictures all runs share, and what to say where these are not all; else why not."""
    flat = [answers for couple in _answers for answers in couple]
    rows = shared(flat)
    sizes = sorted({len(answers) for answers in flat})
    if not len(rows[0]):
        return "they were not evaluated on the same pictures, so that they cannot be compared"
    labels, predicted = numbered_alike(flat, rows)
    first, second = np.stack(predicted[::2]), np.stack(predicted[1::2])
    tests = [mcnemar(a == labels, b == labels) for a, b in zip(first, second)]
    least = None
    if len(labels) < sizes[-1]:
        counts = " and ".join(f"{size:,}" for size in sizes)
        least = f"not evaluated on the same pictures ({counts}); compared on the {len(labels):,} they share"
    return paired_gain(first == labels, second == labels), paired_f1_gain(labels, first, second), tests, least


def top1_on(record: Record, split: str) -> float | None:
    """The recorded share of right answers, without reading predictions; None where there is none."""
    try:
        document = Run(record.path).evaluation(split) if split in record.scored else None
    except RunError:
        return None
    top1 = document.get("top1") if isinstance(document, dict) else None
    return top1 if isinstance(top1, float) else None
