"""Frame of the Robustness page: choice of runs, main scores, and choice of a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import state, widgets
from app.cache import robustness as cache
from app.robustness import words
from app.words import between, rate, shell_word, split_title
from hvit.runs import DEFAULT_RUN
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.robustness import mean_curve, newly_misnamed
from hvit.scoring.robustness_comparison import corruption_errors
from hvit.scoring.robustness_records import Robustness

NO_RUN = "none"
COMMAND = "python -m training.stress --run {run} --data path/to/photos"


@dataclass(frozen=True)
class Selection:
    """Selection of the page.

    Attributes:
        record: the run.
        split: its recorded split; None without any.
        found: its recorded predictions, None where there are none.
        second_found: predictions of a second run, or None.
        same_masks: whether both runs found leaves in the same way.
    """

    record: RunSnapshot
    split: str | None
    found: Robustness | None
    second_found: Robustness | None
    same_masks: bool = True

    @property
    def runs(self) -> list[Robustness]:
        """Recorded answers, the second run last."""
        return [each for each in (self.found, self.second_found) if each is not None]


def candidates(records: Sequence[RunSnapshot]) -> list[RunSnapshot]:
    """Runs with recorded predictions under corruptions, then others that can predict."""
    usable = [record for record in records if record.can_predict or cache.stressed_splits(record)]
    return sorted(usable, key=lambda r: (not cache.stressed_splits(r), r.name != DEFAULT_RUN, r.name))


def choose(records: Sequence[RunSnapshot]) -> Selection:
    """Selects run, split and a second run; all are query parameters.

    Raises:
        RunError: a record of one of them is damaged.
    """
    known = {record.name: record for record in records}
    with st.container(horizontal=True, key="robustness_choice"):
        state.keep_among(state.STRESSED, list(known))
        record = known[st.selectbox("Run", list(known), key=state.STRESSED, bind="query-params")]
        splits = cache.stressed_splits(record)
        split = splits[0] if splits else None
        if len(splits) > 1:
            split = widgets.choose_shared("Evaluated on", splits, state.SPLIT, format_func=split_title)
        second = _choose_second(record, split, known)
    found = None if split is None else cache.robustness_of(record, split)
    if second is None or split is None:
        return Selection(record, split, found, None)
    same = cache.found_leaves(record, split) == cache.found_leaves(second, split)
    return Selection(record, split, found, cache.robustness_of(second, split), same)


def _choose_second(record: RunSnapshot, split: str | None, known: dict[str, RunSnapshot]) -> RunSnapshot | None:
    others = [name for name, other in known.items() if name != record.name and split in cache.stressed_splits(other)]
    if not others:
        return None
    options = [NO_RUN, *others]
    state.keep_among(state.STRESSED_BESIDE, options)
    title = {NO_RUN: "no other run"}.get
    name = st.selectbox(
        "Beside", options, key=state.STRESSED_BESIDE, format_func=lambda n: title(n, n), bind="query-params"
    )
    return known.get(name)


def empty_state() -> None:
    """The page where no run can predict, and none was stressed."""
    text = "Copy a run with its weights into the folder <code>runs</code>, then:"
    widgets.empty_page("No run was stressed yet.", text, COMMAND.format(run="RUN"))


def not_stressed(record: RunSnapshot) -> None:
    """Replacement for scores where a run has none; the other views work."""
    widgets.sentence(f"{record.name} was not stressed yet. 300 photos take about five minutes on two cores:", "below")
    st.code(COMMAND.format(run=shell_word(record.name)), language="bash")


def headline(chosen: Selection) -> None:
    """The main scores."""
    found = chosen.found
    curve = mean_curve(found)
    if not curve:
        return
    clean, strongest = curve[0], curve[-1]
    middle = curve[len(curve) // 2]
    wrong, versions = newly_misnamed(found)
    cells = [
        ("Top-1 as they are", rate(clean.top1), between(clean.top1_ci)),
        (f"Mean at strength {middle.strength}", rate(middle.top1), between(middle.top1_ci)),
        (f"Mean at strength {strongest.strength}", rate(strongest.top1), between(strongest.top1_ci)),
        (
            "Correct among named",
            "none named" if strongest.named_correct is None else rate(strongest.named_correct),
            f"at strength {strongest.strength}, where {rate(strongest.named)} are named",
        ),
        ("Newly misnamed", f"{wrong:,}", f"of {versions:,} changed versions of correctly named pictures"),
        (split_title(chosen.split), f"{len(found):,}", f"{len(set(found.labels))} classes"),
    ]
    if chosen.second_found is not None:
        errors = corruption_errors(chosen.second_found, found)
        value = "undefined" if errors.mean is None else f"{errors.mean:.2f}"
        cells.append(("Corruption error (mCE)", value, f"of {chosen.second_found.run}, relative to {found.run}"))
    widgets.metrics(cells)
    if chosen.split is not None and cache.of_other_weights(chosen.record, chosen.split):
        widgets.notice("These answers are of other weights than the run has now: stress the run again.")
    if not chosen.same_masks:
        widgets.notice("The two runs found leaves differently: their answers on another background do not compare.")


def choose_view() -> str:
    """Selects the view; it is a query parameter."""
    return widgets.choice("Show", words.VIEWS, state.STRESS_VIEW, labelled=False)
