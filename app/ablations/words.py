"""Texts of the Ablations page. Pure functions, no drawing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.compare.words import setting
from app.words import counted
from hvit.runs.seed_groups import ABSENT
from hvit.scoring.ablation import FULL, AblationRow
from hvit.words import capitalized

if TYPE_CHECKING:
    from hvit.runs.snapshot import RunSnapshot

FEW_SEEDS = 3
SPELLINGS = {"ema": "EMA", "tta": "TTA", "resnet": "ResNet", "vit": "ViT", "pretraining": "pre-training"}
# Settings that follow from the seed or the place, and are no change of the recipe.
IGNORED = ("seed",)


def variant_title(variant: str) -> str:
    """Title of a variant: `without_ema` -> `Without EMA`."""
    if variant == FULL:
        return "Full recipe"
    return capitalized(" ".join(SPELLINGS.get(word, word) for word in variant.split("_")))


def basis(rows: Sequence[AblationRow]) -> str:
    """Sentences on runs, seeds and photos behind the table."""
    seeds = sorted({row.num_seeds for row in rows})
    seeds_text = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    photos = next((row.gain.photos for row in rows if row.gain is not None), None)
    pictures = f", evaluated on {counted(photos, 'picture')}" if photos is not None else ""
    few = "" if seeds[0] >= FEW_SEEDS else f" Fewer than {FEW_SEEDS} seeds say little of what other seeds bring."
    return f"One training with one change at a time, {seeds_text} each{pictures}.{few}"


def changes(differing: Mapping[str, Sequence[Any]]) -> str:
    """Describes the settings of a variant that differ, from `hvit.runs.seed_groups.differences`."""
    parts = [
        f"{key}: {_value(full)} \N{RIGHTWARDS ARROW} {_value(own)}"
        for key, (full, own) in differing.items()
        if key not in IGNORED
    ]
    return "; ".join(parts)


def _value(value: Any) -> str:
    if value is ABSENT:
        return "unset"
    return json.dumps(value) if isinstance(value, str) and not value else setting(value)


def not_evaluated(rows: Sequence[AblationRow], variants: Mapping[str, Sequence[RunSnapshot]]) -> str | None:
    """Sentence on runs without scores; None without any."""
    judged = {run for row in rows for run in row.runs}
    waiting = [record.name for members in variants.values() for record in members if record.name not in judged]
    return f"Not evaluated yet, and not in the table: {', '.join(waiting)}." if waiting else None
