"""Frame of the Calibration page: main scores, and choice of a view."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state, widgets
from app.calibration import words
from app.words import between, rate, split_title
from hvit.runs import Trouble
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.calibration_curves import CalibrationScores
from hvit.scoring.selective import SelectiveScores

VIEWS = {
    "reliability": "Reliability",
    "sets": "Prediction sets",
    "selective": "Selective accuracy",
    "unfamiliar": "Unfamiliar photos",
}


def empty_state(records: Sequence[RunSnapshot], troubles: Sequence[Trouble]) -> None:
    """The page while no run has recorded predictions."""
    text = "Calibration is measured on recorded predictions of photos with known classes. To record those of a run:"
    widgets.no_evaluated_run(text, records, troubles)


def headline(
    record: RunSnapshot, split: str, predictions: Predictions, scores: CalibrationScores, selective: SelectiveScores
) -> None:
    """The main scores, each with its interval."""
    nll_low, nll_high = scores.nll_ci
    brier_low, brier_high = scores.brier_ci
    low, high = selective.aurc_ci
    widgets.metrics(
        [
            ("Calibration error (ECE)", rate(scores.ece), between(scores.ece_ci)),
            ("Negative log-likelihood", f"{scores.nll:.3f}", f"{nll_low:.3f} to {nll_high:.3f} nats"),
            ("Brier score", f"{scores.brier:.3f}", f"{brier_low:.3f} to {brier_high:.3f}, of 0 to 2"),
            ("AURC x 1000", f"{1000 * selective.aurc:.1f}", f"{1000 * low:.1f} to {1000 * high:.1f}"),
            (split_title(split), f"{scores.n:,}", f"{len(predictions.classes)} classes"),
        ]
    )
    notes = ["Intervals of 95 % by the bootstrap over pictures; for all four numbers lower is better."]
    if not predictions.calibrated:
        notes.append("This run recorded no temperature: its probabilities are not calibrated.")
    widgets.sentence(" ".join(notes), "standing")


def choose_view() -> str:
    """Selects the view; it is a query parameter."""
    return widgets.choice("Show", VIEWS, state.CALIBRATION_VIEW, labelled=False)


def field_sets(record: RunSnapshot) -> tuple[str, ...]:
    """Names of the data sets of field photos; empty where not configured."""
    data = (record.config or {}).get("data")
    named = data.get("field") if isinstance(data, dict) else None
    return tuple(named) if isinstance(named, list) and all(isinstance(name, str) for name in named) else ()


def missing(what: str, commands: Sequence[str]) -> None:
    """Message on a part that was not recorded, with the commands that record it."""
    widgets.sentence(what, "below")
    st.code("\n".join(commands), language="bash")


def method_note(text: str) -> None:
    """Note on how the numbers of a view are computed."""
    widgets.sentence(text, "standing")


def title_of(name: str, record: RunSnapshot) -> str:
    """Title of a data set."""
    return words.group_title(name, field_sets(record))
