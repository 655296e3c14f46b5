"""Snapshots of runs without a folder."""

from collections.abc import Collection, Sequence
from pathlib import Path

from hvit.runs import RunInfo
from hvit.runs.snapshot import RunSnapshot
from tests.support.model_cards import model_card

DIRS = {"photos": "photos", "drawings": "leafsim:v1/7/0-99"}


def run_snapshot(
    name: str = "mine",
    classes: Sequence[str] = (),
    learned_from: Collection[str] = ("photos",),
    plants_known: bool | None = None,
    **changed,
) -> RunSnapshot:
    """A finished run with weights; `changed` replaces other fields."""
    fields = {
        "name": name,
        "path": Path(name),
        "status": "done",
        "info": RunInfo(plants_known=plants_known),
        "config": {"data": {"dirs": [DIRS[kind] for kind in learned_from]}},
        "card": model_card(classes),
        "splits": (),
        "scored": (),
        "has_weights": True,
        "problem": None,
    }
    return RunSnapshot(**(fields | changed))
