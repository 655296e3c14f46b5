"""Runs of ablations, grouped by ablation and variant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.ablation import FULL, PRETRAINING, ablation_of

Variants = dict[str, list[RunSnapshot]]


def group_by_variant(runs: Sequence[RunSnapshot]) -> dict[str, Variants]:
    """Groups runs by ablation and variant, the full one first, ordered by seed, without pre-trainings."""
    found: dict[str, Variants] = defaultdict(lambda: defaultdict(list))
    for run in sorted(runs, key=lambda run: (run.seed is None, run.seed or 0)):
        name, variant = ablation_of(run)
        if name is not None and variant is not None and variant != PRETRAINING:
            found[name][variant].append(run)
    return {
        name: dict(sorted(variants.items(), key=lambda item: item[0] != FULL))
        for name, variants in sorted(found.items())
    }


def comparable_splits(variants: Variants) -> list[str]:
    """Splits with predictions of the full variant, test first."""
    return list(dict.fromkeys(split for run in variants.get(FULL, []) for split in run.splits))
