"""Views of the Compare runs page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import state, theme, widgets
from app.cache import comparisons
from app.compare import panels, words
from app.compare.cost import cost
from app.compare.curves import curves
from app.compare.disagreements import disagreements
from app.compare.significance import verdict
from app.figures.shares import shares
from app.theme import NO_MODEBAR
from hvit.runs.seed_groups import SeedGroup, differences, flattened
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.group_comparison import GroupScore

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    pass


def scores(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Scores of the seed groups on the same split, with intervals."""
    split = panels.choose_split(groups)
    each_seed = st.toggle("Each seed", key=state.EACH_SEED, bind="query-params")
    shown = (
        [SeedGroup(record.name, (record,)) for group in groups for record in group.members]
        if each_seed
        else list(groups)
    )
    colors = theme.palette(st.context.theme.type)
    color_of = {record.name: colors.series_color(i) for i, group in enumerate(groups) for record in group.members}
    found = [(group, comparisons.score_of_group(group, split)) for group in shown] if split else []
    if not any(score for _, score in found):
        panels.not_evaluated(groups)
        return
    rows = [color_of[group.members[0].name] for group, _ in found]
    left, right = st.columns(2, gap="large")
    for place, name, title in ((left, "top1", "top-1 accuracy"), (right, "macro_f1", "macro-F1")):
        values = [getattr(score, name) if score else None for _, score in found]
        intervals = [getattr(score, f"{name}_ci") if score else None for _, score in found]
        notes = [words.score_note(value, interval) for value, interval in zip(values, intervals)]
        figure = shares(
            [group.name for group, _ in found], values, intervals, notes, _axis(title, found), rows, False, colors
        )
        alt = "; ".join(f"{group.name}: {note}" for (group, _), note in zip(found, notes))
        place.plotly_chart(figure, key=f"scores_{name}", config=NO_MODEBAR, alt=alt)
    widgets.table(
        [_score_row(group, score) for group, score in found], f"scores-{split}", formats={"NLL, nats": "%.2f"}
    )
    widgets.sentence(
        "Intervals of 95 %: of one run, Wilson for top-1 accuracy and bootstrap over pictures for macro-F1; "
        "of several, bootstrap over runs and pictures. With few seeds it understates what other seeds may bring.",
        "standing",
    )


def _axis(title: str, found: Sequence[tuple[SeedGroup, GroupScore | None]]) -> str:
    sizes = {score.n for _, score in found if score}
    n = f"n = {next(iter(sizes)):,}" if len(sizes) == 1 and None not in sizes else "n differs, see the table"
    return f"{title}, 95 % interval, {n}"


def _score_row(group: SeedGroup[RunSnapshot], score: GroupScore | None) -> dict:
    def interval(pair: tuple[float, float] | None) -> str:
        return f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}" if pair else ""

    def hundredfold(value: float | None) -> float | None:
        return None if value is None else 100 * value

    statuses = sorted({record.status for record in group.members})
    return {
        "Runs": group.name,
        "Status": ", ".join(statuses),
        "Seeds evaluated": f"{len(score.seeds)} of {len(group.members)}" if score else f"0 of {len(group.members)}",
        "Pictures": score.n if score else None,
        "Top-1 accuracy, %": hundredfold(score.top1) if score else None,
        "Top-1 accuracy: 95 %": interval(score.top1_ci) if score else "",
        "Macro-F1, %": hundredfold(score.macro_f1) if score else None,
        "Macro-F1: 95 %": interval(score.macro_f1_ci) if score else "",
        "Calibration error (ECE), %": hundredfold(score.ece) if score else None,
        "NLL, nats": score.nll if score else None,
    }


def settings(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Configurations side by side, differing settings only."""
    known = [group for group in groups if group.members[0].config is not None]
    for group in groups:
        if group not in known:
            widgets.notice(f"{group.name} has no configuration that can be read.")
    if not known:
        return
    show_all = st.toggle("All settings", key=state.ALL_SETTINGS, bind="query-params")
    configs = [group.members[0].config | {"kind of run": group.members[0].kind} for group in known]
    names = [group.name for group in known]
    found = differences(configs)
    found.pop("seed", None)
    if show_all:
        flat = [flattened(config) for config in configs]
        found = {
            key: [config.get(key, words.ABSENT) for config in flat] for key in dict.fromkeys(k for c in flat for k in c)
        }
    if not found:
        text = "Choose a second set of runs to compare with." if len(known) < 2 else "They differ in no setting."
        widgets.sentence(text, "below")
        return
    # Settings that all recorded come first: those that one lacks are often younger than the run.
    found = dict(sorted(found.items(), key=lambda item: words.ABSENT in item[1]))
    rows = [
        {"Setting": key} | {name: words.recorded_setting(value) for name, value in zip(names, values)}
        for key, values in found.items()
    ]
    widgets.table(rows, "settings")
    widgets.sentence(words.SETTINGS_NOTE, "standing")


VIEWS = {
    "curves": curves,
    "scores": scores,
    "verdict": verdict,
    "settings": settings,
    "cost": cost,
    "disagreements": disagreements,
}
