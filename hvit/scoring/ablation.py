"""Ablation results: scores of each variant and paired gains over the full one, from recorded runs."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.runs import Run, RunError
from hvit.runs.layout import SCORES, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.comparison import Gain, compare_runs

FULL, PRETRAINING = "full", "pretraining"


@dataclass(frozen=True)
class AblationRow:
    """Scores of one variant over its seeds.

    Attributes:
        variant: its name; `full` is the one without a change.
        runs: names, by seed.
        top1, macro_f1: means over the runs.
        top1_tta: the same with test-time augmentation; None unless every run was evaluated so.
        gain, f1_gain: of this variant over the full one, on the seeds that both have; None of the full one itself, and
            where no seed is shared.
    """

    variant: str
    runs: list[str]
    top1: float
    macro_f1: float
    top1_tta: float | None
    gain: Gain | None
    f1_gain: Gain | None

    @property
    def num_seeds(self) -> int:
        """Number of runs."""
        return len(self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Value for JSON."""
        return dataclasses.asdict(self)


def ablations(runs: Iterable[Run], split: str = "test") -> dict[str, list[AblationRow]]:
    """Ablations among some runs, by name: the full variant first, the others by gain.

    Runs without predictions on the split are left out, and ablations whose full variant has none.

    Raises:
        ValueError: runs of one ablation were evaluated on different photos, or a record is damaged.
    """
    found: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        name, variant = ablation_of(run)
        if name is not None and variant is not None and variant != PRETRAINING and run.evaluation(split) is not None:
            found.setdefault(name, {}).setdefault(variant, []).append(run)
    return {name: _rows(variants, split) for name, variants in sorted(found.items()) if FULL in variants}


def ablation_of(run: Run | RunSnapshot) -> tuple[str | None, str | None]:
    """Ablation and variant of a run; (None, None) for any other run."""
    tags = dict(tag.split("=", 1) for tag in run.info.tags if "=" in tag)
    return (tags["ablation"], tags["variant"]) if {"ablation", "variant"} <= set(tags) else (None, None)


def _rows(variants: dict[str, list[Run]], split: str) -> list[AblationRow]:
    full = {_seed_of(run): run for run in variants[FULL]}
    rows = [_row(name, {_seed_of(run): run for run in runs}, full, split) for name, runs in variants.items()]
    return sorted(rows, key=lambda row: (row.variant != FULL, row.gain.gain if row.gain else 0.0))


def _seed_of(run: Run) -> int:
    if run.info.seed is None:
        raise RunError(f"run.json of run {run.name} has no seed, by which the runs of an ablation are paired")
    return run.info.seed


def _scores(run: Run, split: str) -> dict[str, float]:
    found = run.evaluation(split) or {}
    if found.get("top1") is None or found.get("macro_f1") is None:
        raise RunError(f"{in_split(split, SCORES)} of run {run.name} lacks top1 or macro_f1; evaluate it again")
    return found


def _row(variant: str, runs: dict[int, Run], full: dict[int, Run], split: str) -> AblationRow:
    ordered = [runs[seed] for seed in sorted(runs)]
    scores = [_scores(run, split) for run in ordered]
    with_tta = [(run.evaluation(split, "tta") or {}).get("top1") for run in ordered]
    shared = sorted(set(runs) & set(full)) if variant != FULL else []
    gains = compare_runs([full[s] for s in shared], [runs[s] for s in shared], split) if shared else (None, None)
    return AblationRow(
        variant=variant,
        runs=[run.name for run in ordered],
        top1=float(np.mean([score["top1"] for score in scores])),
        macro_f1=float(np.mean([score["macro_f1"] for score in scores])),
        top1_tta=None if None in with_tta else float(np.mean([score for score in with_tta if score is not None])),
        gain=gains[0],
        f1_gain=gains[1],
    )
