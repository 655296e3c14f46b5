"""Refreshes the page while a training writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app import widgets
from app.cache import records
from app.compare import panels
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot

REFRESH_S = 3


def auto_refresh(
    draw: Callable[[Sequence[SeedGroup[RunSnapshot]]], None], groups: Sequence[SeedGroup[RunSnapshot]]
) -> None:
    """Draws status and `draw`; again every few seconds while one of the runs is training."""
    was_live = panels.is_live(groups)

    @st.fragment(run_every=REFRESH_S if was_live else None)
    def refreshed() -> None:
        with widgets.user_errors_shown():
            fresh = _read_again(groups) if was_live else groups
            panels.status_lines(fresh)
            draw(fresh)
        if was_live and not panels.is_live(fresh):
            st.rerun()  # reruns the page, which then stops refreshing

    refreshed()


def _read_again(groups: Sequence[SeedGroup[RunSnapshot]]) -> list[SeedGroup[RunSnapshot]]:
    """Current snapshots of the runs of each group; a deleted run keeps its last one."""
    now = {record.name: record for record in records.all_records()[0]}
    return [SeedGroup(group.name, tuple(now.get(record.name, record) for record in group.members)) for group in groups]
