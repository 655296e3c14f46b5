"""The Difference view of the Compare runs page: paired gains and significance tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import state, theme, widgets
from app.cache import comparisons
from app.compare import panels, words
from app.figures.gains import gains
from app.theme import NO_MODEBAR
from app.words import counted
from hvit.csv_tables import to_csv
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.group_comparison import GroupComparisons, GroupPair

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    pass


EVERY_PAIR = "every pair"


def verdict(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Paired differences of seed groups, with significance tests."""
    split = panels.choose_split(groups)
    if split is None:
        panels.not_evaluated(groups)
        return
    if len(groups) < 2:
        widgets.sentence("Choose a second set of runs to compare with.", "below")
        return
    options = [EVERY_PAIR, *(group.name for group in groups)]
    state.keep_among(state.AGAINST, options)
    against = st.selectbox("Compared with", options, key=state.AGAINST, bind="query-params", width=320)
    with widgets.progress("Comparing") as progress:
        found = comparisons.verdicts(groups, split, None if against == EVERY_PAIR else against, progress)
    for reason in found.limitations:
        widgets.notice(f"{reason}.")
    if found.pairs:
        _gains(found, split)
        _mcnemar(found)


def _gains(found: GroupComparisons, split: str) -> None:
    st.subheader("Gains on the same pictures")
    colors = theme.palette(st.context.theme.type)
    left, right = st.columns(2, gap="large")
    for place, name, title in ((left, "top1", "top-1 accuracy"), (right, "macro_f1", "macro-F1")):
        results = [getattr(pair, name) for pair in found.pairs]
        figure = gains(
            [f"{pair.first} \u2192 {pair.second}" for pair in found.pairs],
            [gain.gain for gain in results],
            [(gain.low, gain.high) for gain in results],
            f"gain in {title}, 95 % interval, {_bases(found, name)}",
            colors,
        )
        alt = "; ".join(words.verdict(pair.first, pair.second, getattr(pair, name)) for pair in found.pairs)
        place.plotly_chart(figure, key=f"gains_{name}", config=NO_MODEBAR, alt=f"Gains in {title}: {alt}")
    notes = ["Paired bootstrap: runs of equal seed and pictures are drawn again together."]
    notes.append("Grey: no significant difference.")
    notes.append("These intervals are not corrected for how many there are.")
    if text := words.few_runs([pair.top1 for pair in found.pairs]):
        notes.append(text)
    widgets.sentence(" ".join(notes), "standing")
    st.download_button(
        "CSV of the gains",
        lambda: to_csv([_gain_row(pair, name, split) for pair in found.pairs for name in ("top1", "macro_f1")]),
        f"gains-{split}.csv",
        "text/csv",
        on_click="ignore",
    )


def _bases(found: GroupComparisons, name: str) -> str:
    bases = {words.basis(getattr(pair, name)) for pair in found.pairs}
    return bases.pop() if len(bases) == 1 else "runs and pictures differ by pair"


def _gain_row(pair: GroupPair, name: str, split: str) -> dict:
    gain = getattr(pair, name)
    return {
        "first": pair.first,
        "second": pair.second,
        "split": split,
        "metric": name,
        "first_value": gain.first,
        "second_value": gain.second,
        "gain": gain.gain,
        "low": gain.low,
        "high": gain.high,
        "runs": gain.runs,
        "pictures": gain.photos,
    }


def _mcnemar(found: GroupComparisons) -> None:
    st.subheader("Run against run")
    rows = [
        {
            "First run": pair.first,
            "Second run": pair.second,
            "Pictures": pair.photos,
            "Only the first correct": pair.test.only_first,
            "Only the second correct": pair.test.only_second,
            "p": pair.test.p,
            "p, corrected": pair.corrected,
            "Below 0.05": "yes" if pair.corrected < 0.05 else "no",
        }
        for pair in found.run_pairs
    ]
    exported = [
        {
            "first": pair.first,
            "second": pair.second,
            "pictures": pair.photos,
            "only_first_right": pair.test.only_first,
            "only_second_right": pair.test.only_second,
            "p_mcnemar_exact": pair.test.p,
            "p_holm": pair.corrected,
        }
        for pair in found.run_pairs
    ]
    widgets.table(rows, "mcnemar", exported, formats={"p": "%.2g", "p, corrected": "%.2g"})
    widgets.sentence(
        f"Exact McNemar test on the pictures on which only one of two runs is correct, two-sided; corrected for "
        f"{counted(len(rows), 'test')} by Holm. It compares these runs, not the configurations they stand for: "
        "for that look at the gains over several seeds.",
        "standing",
    )
