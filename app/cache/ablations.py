"""Ablations among the runs, each computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import streamlit as st

from app.cache.records import Record, stamp
from hvit.files import CARD
from hvit.runs import INFO, Run
from hvit.scoring.ablation import FULL, PRETRAINING, AblationRow, ablation_of, ablations

REMEMBERED = 64


def by_name(records: Sequence[Record]) -> dict[str, dict[str, list[Record]]]:
    """Runs of each ablation by variant, the full one first, in the order of the seeds; pre-trainings are left out."""
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in sorted(records, key=lambda record: (record.seed is None, record.seed or 0)):
        name, variant = ablation_of(record)
        if name is not None and variant != PRETRAINING:
            found[name][variant].append(record)
    return {
        name: dict(sorted(variants.items(), key=lambda item: item[0] != FULL))
        for name, variants in sorted(found.items())
    }


def splits_of(variants: dict[str, list[Record]]) -> list[str]:
    """Splits that variants can be compared on, test first: the full one has predictions on them."""
    return list(dict.fromkeys(split for record in variants.get(FULL, []) for split in record.splits))


def rows_of(name: str, variants: dict[str, list[Record]], split: str) -> list[AblationRow]:
    """What each change costs or brings; empty where the full variant is not judged yet.

    Raises:
        ValueError: runs were judged on different photos, or what one recorded is damaged.
    """
    judged = [record for members in variants.values() for record in members if split in record.splits]
    files = (INFO, CARD, f"eval/{split}/predictions.parquet", f"eval/{split}/metrics.json", f"eval/{split}/tta.json")
    return _rows(name, split, tuple((str(r.path), *(stamp(r.path, file) for file in files)) for r in judged), judged)


@st.cache_resource(max_entries=REMEMBERED, show_spinner="Comparing")
def _rows(name: str, split: str, keys: tuple, _records: list[Record]) -> list[AblationRow]:
    return ablations([Run(record.path) for record in _records], split).get(name, [])
