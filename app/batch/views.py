"""Views of the Batch page: table, review, trial."""

from __future__ import annotations

import streamlit as st

from app import state, widgets
from app.batch import review, table, trial
from hvit.batches import Batch

PARTS = {"table": "Table", "review": "Review", "trial": "Trial"}
VIEWS = {"table": table.show, "review": review.show, "trial": trial.show}


def preload() -> None:
    """Imports torch and what opening a photo needs, which takes seconds the first time."""
    import hvit.batches.diagnoses  # noqa: F401


def show(batch: Batch) -> None:
    """Draws the selected view; it is a query parameter."""
    part = widgets.choice("Show", PARTS, state.BATCH_PART, labelled=False)
    with st.container(key=f"batch_{part}"):
        VIEWS[part](batch)
