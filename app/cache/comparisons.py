"""Cached scores and comparisons of seed groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.cache.evaluations import key_of, predictions_of, scores_of
from hvit.runs import Run, RunError
from hvit.runs.predictions import Predictions
from hvit.runs.seed_groups import SeedGroup, group_by_seed
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.group_comparison import (
    EvaluatedGroup,
    EvaluatedRun,
    GroupComparisons,
    GroupScore,
    JointIntervals,
    PairedComparison,
    RunPairs,
    compare_groups,
    compare_pairs,
    group_score,
    joint_intervals,
    recorded_group_score,
)

MAX_CACHED = 256


def seed_groups(records: Sequence[RunSnapshot]) -> list[SeedGroup[RunSnapshot]]:
    """Runs in seed groups, by name."""
    return group_by_seed(records)


def evaluated(group: SeedGroup[RunSnapshot], split: str) -> list[tuple[RunSnapshot, Predictions]]:
    """Runs of a group with recorded predictions on a split.

    Raises:
        RunError: those of one are damaged.
    """
    found = [(record, predictions_of(record, split)) for record in group.members if split in record.splits]
    return [(record, predictions) for record, predictions in found if predictions is not None]


def score_of_group(group: SeedGroup[RunSnapshot], split: str) -> GroupScore | None:
    """Scores of a group, from predictions or else from recorded scores; None where it was not evaluated.

    Raises:
        RunError: a record of one of its runs is damaged.
    """
    found = evaluated(group, split)
    if not found:
        scored = [record for record in group.members if split in record.scored]
        documents = [Run(record.path).evaluation(split) for record in scored]
        return recorded_group_score(group.name, [record.seed for record in scored], documents)
    scores = [scores_of(record, split) for record, _ in found]
    keys = tuple(key_of(record, split) for record, _ in found)
    joint = None if len(found) == 1 else _joint(keys, [predictions for _, predictions in found])
    return group_score(group.name, [record.seed for record, _ in found], scores, joint)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _joint(keys: tuple, _predictions: list[Predictions]) -> JointIntervals:
    return joint_intervals(_predictions)


def verdicts(
    groups: Sequence[SeedGroup[RunSnapshot]],
    split: str,
    against: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> GroupComparisons:
    """See `compare_groups`; each pair of evaluated_groups is compared once.

    Raises:
        RunError: a record of a run is damaged.
    """
    keys = {record.name: key_of(record, split) for group in groups for record in group.members}
    evaluated_groups = [
        EvaluatedGroup(
            group.name, tuple(EvaluatedRun(r.name, r.seed, predictions) for r, predictions in evaluated(group, split))
        )
        for group in groups
    ]
    return compare_groups(
        evaluated_groups,
        split,
        against,
        lambda pairs: _compared(tuple((keys[a.name], keys[b.name]) for a, b in pairs), pairs),
        progress,
    )


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _compared(keys: tuple, _pairs: RunPairs) -> PairedComparison | None:
    return compare_pairs(_pairs)


def top1_on(record: RunSnapshot, split: str) -> float | None:
    """The recorded top-1 accuracy, without reading predictions; None where there is none."""
    try:
        document = Run(record.path).evaluation(split) if split in record.scored else None
    except RunError:
        return None
    top1 = document.get("top1") if isinstance(document, dict) else None
    return top1 if isinstance(top1, float) else None
