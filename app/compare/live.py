"""What is drawn again while a training writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app import widgets
from app.cache import records
from app.compare import panels
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot

REFRESH_S = 3


def kept_fresh(
    draw: Callable[[Sequence[SeedGroup[RunSnapshot]]], None], ways: Sequence[SeedGroup[RunSnapshot]]
) -> None:
    """Draws how the runs stand and what `draw` shows of them; again every few seconds while one of them is written."""
    was_live = panels.is_live(ways)

    @st.fragment(run_every=REFRESH_S if was_live else None)
    def drawn() -> None:
        with widgets.user_errors_shown():
            fresh = _read_again(ways) if was_live else ways
            panels.standing(fresh)
            draw(fresh)
        if was_live and not panels.is_live(fresh):
            st.rerun()  # the whole page, which then rests

    drawn()


def _read_again(ways: Sequence[SeedGroup[RunSnapshot]]) -> list[SeedGroup[RunSnapshot]]:
    """The same ways with their runs as they stand now; one that has been taken away stays as it was."""
    now = {record.name: record for record in records.all_records()[0]}
    return [SeedGroup(way.name, tuple(now.get(record.name, record) for record in way.members)) for way in ways]
