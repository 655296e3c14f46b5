"""Cached rows of ablations."""

from __future__ import annotations

import streamlit as st

from app.cache.records import stamps
from hvit.runs import INFO, Run
from hvit.runs.layout import CARD, PREDICTIONS, SCORES, SCORES_TTA, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.ablation import AblationRow, ablations
from hvit.scoring.ablation_variants import Variants
from hvit.scoring.ablation_variants import comparable_splits as comparable_splits  # for the page
from hvit.scoring.ablation_variants import group_by_variant as group_by_variant

MAX_CACHED = 64


def rows_of(name: str, variants: Variants, split: str) -> list[AblationRow]:
    """Ablation rows; empty where the full variant has no predictions.

    Raises:
        ValueError: runs were evaluated on different photos, or a record is damaged.
    """
    runs = [record for members in variants.values() for record in members if split in record.splits]
    files = (INFO, CARD, *(in_split(split, file) for file in (PREDICTIONS, SCORES, SCORES_TTA)))
    return _rows(name, split, tuple((str(run.path), *stamps(run, *files)) for run in runs), runs)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner="Comparing")
def _rows(name: str, split: str, keys: tuple, _runs: list[RunSnapshot]) -> list[AblationRow]:
    return ablations([Run(run.path) for run in _runs], split).get(name, [])
