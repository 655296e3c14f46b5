"""Frame of the Compare runs page: choice of seed groups, their status, and choice of a view."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app import state, widgets
from app.cache import comparisons, records
from app.compare import words
from app.widgets import EVALUATED
from app.words import split_title
from hvit.runs import RunError, live_progress
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot

STEMS_SHOWN = 4
NOT_QUIET = ("running", "stopped", "failed", "preempted", "unknown")
VIEWS = {
    "curves": "Curves",
    "scores": "Scores",
    "verdict": "Significance",
    "settings": "Settings",
    "cost": "Cost",
    "disagreements": "Disagreements",
}


def choose_groups(groups: Sequence[SeedGroup[RunSnapshot]]) -> list[SeedGroup[RunSnapshot]]:
    """Selects seed groups, in the order chosen; their names are query parameters."""
    known = {group.name: group for group in groups}
    chosen = st.multiselect(
        "Runs, seeds of one configuration together",
        list(known),
        key=state.COMPARED_GROUPS,
        placeholder="Choose runs",
        bind="query-params",
    )
    return [known[name] for name in chosen]


def nothing_chosen(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Page without a choice: all seed groups, and shortcuts to related ones."""
    if not groups:
        st.html('<div class="empty"><p class="verdict"><b>There is no run here yet.</b></p></div>')
        widgets.how_to_train()
        return
    families = _families([group.name for group in groups])
    if families:
        st.html('<p class="below">Choose runs above, or a set that belongs together:</p>')
        with st.container(key="suggestions"):
            for stem, names in families[:STEMS_SHOWN]:
                label = words.suggestion(stem, names)
                st.button(widgets.plain(label), key=f"suggest_{stem}", on_click=state.choose_groups, args=(names,))
    st.subheader("All runs")
    widgets.table([_row(group) for group in groups], "runs")


def _families(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Names with a common beginning, the largest family first."""
    stems = defaultdict(list)
    for name in names:
        stem = name.split("-")[0]
        stems[stem].append(name)
    return sorted(
        ((stem, members) for stem, members in stems.items() if len(members) > 1), key=lambda item: -len(item[1])
    )


def _row(group: SeedGroup[RunSnapshot]) -> dict:
    first = group.members[0]
    statuses = sorted({record.status for record in group.members}, key=lambda status: (status == "done", status))
    tops = [top1 for record in group.members if (top1 := comparisons.top1_on(record, "test")) is not None]
    return {
        "Runs": group.name,
        "Seeds": ", ".join("?" if seed is None else str(seed) for seed in group.seeds),
        "Status": ", ".join(statuses),
        "Kind": first.kind or "",
        "Classes": len(first.classes) or None,
        "Top-1 accuracy on test, %": 100 * sum(tops) / len(tops) if tops else None,
        "Started": str(first.info.started or "")[:10],
    }


def is_live(groups: Sequence[SeedGroup[RunSnapshot]]) -> bool:
    """Whether one of these runs is training."""
    return any(record.status == "running" for group in groups for record in group.members)


def status_lines(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Sentences on runs that are not done, and on what cannot be read."""
    now = datetime.now(UTC)
    for group in groups:
        for record in group.members:
            if record.status in NOT_QUIET:
                text = words.state_of_run(
                    record.name, record.status, record.info, now, _last_row(record), live_progress(record.info)
                )
                st.html(f'<p class="run-state {record.status}" role="status">{html.escape(text)}</p>')
            if record.problem:
                widgets.notice(f"{record.problem}.")


def _last_row(record: RunSnapshot) -> dict | None:
    try:
        return next(reversed(records.curves(record)), None)
    except RunError:
        return None


def choose_view() -> str:
    """Selects the view; it is a query parameter."""
    return widgets.choice("Show", VIEWS, state.RUNS_VIEW, labelled=False)


def choose_split(groups: Sequence[SeedGroup[RunSnapshot]]) -> str | None:
    """Selects the split to compare on; None where none of the runs was evaluated."""
    found = {name for group in groups for record in group.members for name in (*record.splits, *record.scored)}
    options = sorted(found, key=lambda name: (name != "test", name != "cv", name))
    if not options:
        return None
    if len(options) == 1:
        return options[0]
    return widgets.choose_shared("Evaluated on", options, state.SPLIT, format_func=split_title, width=320)


def not_evaluated(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Replacement for scores where no chosen run was evaluated."""
    commands = [EVALUATED.command_for(record.name) for group in groups for record in group.members]
    st.html(
        '<p class="below">None of these runs was evaluated yet. Their curves are under Curves. To evaluate one:</p>'
    )
    st.code("\n".join(commands), language="bash")
