"""Frame of the Evaluation page: run, split, main scores, and choice of a view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state, widgets
from app.evaluation import words
from app.words import between, rate, split_title
from hvit.runs import DEFAULT_RUN, Trouble
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.recorded_scores import SplitScores
from hvit.scoring.trust import TrustLine
from hvit.words import PLANTS_UNKNOWN

PAGES = Path(__file__).resolve().parents[2] / "pages"
RUN_KEYS = {"robustness": state.STRESSED, "data": state.RUN}  # of pages that name the run otherwise in their address
TRUST_TITLE = '<h2 class="trust-title">Can I trust this run?</h2>'
VIEWS = {
    "confusions": "Confusions",
    "kinds": "Kinds of error",
    "classes": "Class by class",
    "sure": "Confident errors",
    "second_look": "Worth a second look",
    "probabilities": "Probabilities",
    "shortcuts": "Shortcuts",
}


def empty_state(records: Sequence[RunSnapshot], troubles: Sequence[Trouble]) -> None:
    """The page while no run has recorded predictions."""
    text = "Training evaluates on test once a run is final. To score a run on your own photos and keep the answers:"
    widgets.no_evaluated_run(text, records, troubles)


def choose(evaluated: Sequence[RunSnapshot], found: Sequence[RunSnapshot]) -> tuple[RunSnapshot, str]:
    """Selects a run and a split; says why a run that the address names is not shown.

    Args:
        evaluated: runs with recorded predictions.
        found: all runs.
    """
    asked = widgets.asked_run(state.JUDGED)
    with st.container(horizontal=True, key="evaluation_choice"):
        record = _choose_run(evaluated)
        split = _choose_split(record)
    widgets.explain_other_run(asked, record.name, found, widgets.EVALUATED)
    return record, split


def _choose_run(records: Sequence[RunSnapshot]) -> RunSnapshot:
    """Selects the run; its name is a query parameter."""
    known = {record.name: record for record in sorted(records, key=lambda record: record.name != DEFAULT_RUN)}
    state.keep_among(state.JUDGED, list(known))
    return known[st.selectbox("Run", list(known), key=state.JUDGED, bind="query-params")]


def _choose_split(record: RunSnapshot) -> str:
    """Selects the split."""
    return widgets.choose_shared("Evaluated on", record.splits, state.SPLIT, format_func=split_title)


def trust_place() -> DeltaGenerator:
    """Placeholder for the five risks, of their size, so that the page does not jump."""
    place = st.empty()
    with place.container(key="trust_awaited"):
        st.html(TRUST_TITLE + '<div class="trust-space"></div>')
    return place


def trust(record: RunSnapshot, split: str, lines: Sequence[TrustLine]) -> None:
    """Five risks of the run, the worst first, each with a link to its evidence."""
    st.html(TRUST_TITLE)
    for line in lines:
        with st.container(horizontal=True, key=f"trust_{line.topic}"):
            st.html(words.trust_row(line))
            if line.n and (PAGES / f"{line.page}.py").exists():
                run_key = RUN_KEYS.get(line.page, state.JUDGED)
                asked = {run_key: record.name, state.SPLIT: split_title(split), **line.query}
                st.page_link(f"../pages/{line.page}.py", label="Evidence", query_params=asked)
    widgets.sentence(
        "The share of photos that go wrong, with 95 % interval (Wilson) and the number of photos; the worst first.",
        "standing",
    )


def headline(
    record: RunSnapshot, split: str, scores: SplitScores, calibrated: bool, times_evaluated: str | None
) -> None:
    """The main scores, each with its interval."""
    cells = [
        ("Top-1 accuracy", rate(scores.top1), between(scores.top1_ci)),
        ("Macro-F1", rate(scores.macro_f1), between(scores.macro_f1_ci)),
        ("Balanced accuracy", rate(scores.balanced_accuracy), "mean recall of a class"),
        ("Calibration error (ECE)", rate(scores.ece), "15 bins" if calibrated else "run is not calibrated"),
        (split_title(split), f"{scores.n:,}", f"{sum(row.n > 0 for row in scores.per_class)} classes"),
    ]
    widgets.metrics(cells)
    notes = ["Intervals of 95 %: Wilson for top-1 accuracy, bootstrap over pictures for macro-F1."]
    if times_evaluated:
        notes.append(times_evaluated)
    if record.plants_known is False:
        notes.append(f"{PLANTS_UNKNOWN}.")
    widgets.sentence(" ".join(notes), "standing")


def choose_view() -> str:
    """Selects the view; it is a query parameter."""
    return widgets.choice("Show", VIEWS, state.ERRORS_VIEW, labelled=False)
