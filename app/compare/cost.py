"""The Cost view of the Compare runs page: accuracy against parameters, compute or latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from app import state, theme, widgets
from app.cache import comparisons, costs
from app.compare import panels, words
from app.figures.costs import accuracy_by_cost
from app.theme import NO_MODEBAR
from app.words import split_title
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.group_comparison import GroupScore

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.models.counting import Cost
    from hvit.speed.benchmark import Timing


@dataclass(frozen=True)
class _Priced:
    """A seed group with its score, cost and measured latency; None until measured."""

    group: SeedGroup[RunSnapshot]
    score: GroupScore
    cost: Cost
    time: Timing | None
    color: str

    def price(self, unit: str) -> float | None:
        if unit == "time":
            return None if self.time is None else self.time.median_ms
        return self.cost.params / 1e6 if unit == "params" else self.cost.gmacs


def cost(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Accuracy against parameters, multiply-accumulates, or latency measured on request."""
    split = panels.choose_split(groups)
    scores = [comparisons.score_of_group(group, split) for group in groups] if split else []
    if not any(scores):
        panels.not_evaluated(groups)
        return
    unit = widgets.choice("Against", words.COSTS, state.COST)
    priced = _priced(groups, scores)
    if not priced:
        widgets.notice("None of these runs says in its model.json which model it is.")
        return
    prices = [each.price(unit) for each in priced]
    if None not in prices:
        figure = accuracy_by_cost(
            [each.group.name for each in priced],
            prices,
            [each.score.top1 for each in priced],
            [each.score.top1_ci for each in priced],
            [each.color for each in priced],
            words.cost_axis(unit, {each.cost.img_size for each in priced}),
            f"top-1 accuracy, {split_title(split).lower()}",
            theme.palette(st.context.theme.type),
        )
        st.plotly_chart(figure, key="accuracy_by_cost", config=NO_MODEBAR, alt=f"Accuracy against {words.COSTS[unit]}")
    if unit == "time":
        _measure([each.group.members[0] for each in priced], is_measured=None not in prices)
    widgets.table([_cost_row(each) for each in priced], "cost", formats={"One photo, ms": "%.1f"})
    left_out = sorted({group.name for group in groups} - {each.group.name for each in priced})
    widgets.sentence(words.COUNTED + (f" Left out: {', '.join(left_out)}." if left_out else ""), "standing")


def _priced(groups: Sequence[SeedGroup[RunSnapshot]], scores: Sequence[GroupScore | None]) -> list[_Priced]:
    """Evaluated groups with a known model; colors are those of all groups."""
    colors = theme.palette(st.context.theme.type)
    with st.spinner("Counting"):
        found = [costs.cost_of(group.members[0]) for group in groups]
    kept = [(*row, colors.series_color(i)) for i, row in enumerate(zip(groups, scores, found)) if None not in row]
    times = costs.times_of([group.members[0] for group, *_ in kept]) or [None] * len(kept)
    return [_Priced(group, score, cost, time, color) for (group, score, cost, color), time in zip(kept, times)]


def _cost_row(each: _Priced) -> dict:
    row = {
        "Runs": each.group.name,
        "Model": str(each.group.members[0].card.architecture),
        "Parameters, millions": round(each.cost.params / 1e6, 3),
        "GMACs": round(each.cost.gmacs, 4),
        "Side, px": each.cost.img_size,
        "Top-1 accuracy, %": 100 * each.score.top1,
    }
    return row if each.time is None else row | {"One photo, ms": each.time.median_ms}


def _measure(models: Sequence[RunSnapshot], is_measured: bool) -> None:
    """Button that measures latency, and a note on its accuracy."""
    widgets.sentence(words.MEASURED if is_measured else words.NOT_MEASURED, "standing" if is_measured else "below")
    if st.button("Measure again" if is_measured else "Measure", type="tertiary" if is_measured else "secondary"):
        with widgets.progress("Passes") as progress:
            costs.measure(models, progress)
        st.rerun()
