"""The parts of the Batch page below its head, one at a time."""

from __future__ import annotations

import streamlit as st

from app import state, widgets
from app.batch import review, table, trial
from hvit.batches import Batch

PARTS = {"table": "Table", "review": "Review", "trial": "Trial"}
VIEWS = {"table": table.show, "review": review.show, "trial": trial.show}


def get_ready() -> None:
    """Imports what opening a photo takes, with torch seconds the first time."""
    import hvit.batches.diagnoses  # noqa: F401


def show(batch: Batch) -> None:
    """The part that the reader chose; it is in the address."""
    part = widgets.choice("Show", PARTS, state.BATCH_PART, labelled=False)
    with st.container(key=f"batch_{part}"):
        VIEWS[part](batch)
