"""Choice of the run that a page shows, and why it is not the one of the address."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import query_params, state, words
from app.cache.runs import trouble_with
from app.widgets.options import choose_shared
from app.widgets.text import notice
from hvit.runs import DEFAULT_RUN, shortened
from hvit.runs.snapshot import RunSnapshot


@dataclass(frozen=True)
class Need:
    """What a page needs of a run.

    Attributes:
        absence: said of a run that lacks it, after its name.
        command: makes it; `{run}` stands for the name of the run.
    """

    absence: str
    command: str

    def command_for(self, run: str) -> str:
        """The command that makes it for a run."""
        return self.command.format(run=words.shell_word(run))


def choose_run(runs: Sequence[RunSnapshot]) -> RunSnapshot:
    """Selects the run for diagnosis; its name is a query parameter."""
    names = [run.name for run in runs]
    known = dict(zip(names, runs))
    current = known[query_params.restore(state.RUN, names)]
    # In the label, not in the options, which are query parameters.
    label = f"Model: {words.knows(current.classes, current.learned_from)}"
    name = st.selectbox(label, names, key=state.RUN)
    query_params.store(state.RUN, name, names)
    return known[name]


def choose_record(
    records: Sequence[RunSnapshot], others: Sequence[RunSnapshot] = (), need: Need | None = None
) -> RunSnapshot:
    """Selects a run, with or without weights; its name is a query parameter.

    Args:
        records: to choose from.
        others: runs that lack what the page needs, or all runs.
        need: what that is.
    """
    known = {record.name: record for record in sorted(records, key=lambda r: (r.name != DEFAULT_RUN, r.name))}
    asked = asked_run()
    name = choose_shared("Run", list(known), state.RUN)
    explain_other_run(asked, name, others, need)
    return known[name]


def asked_run(key: str = state.RUN) -> str | None:
    """The run that the address names; to be read before the select box of this key corrects the address."""
    return st.query_params.get(key)


def trouble_with_address(runs: Sequence[RunSnapshot]) -> str | None:
    """Error of the run in the query parameters; None without one."""
    asked = st.query_params.get(state.RUN)
    if asked is None or asked in {run.name for run in runs}:
        return None
    return f"The address asks for run {shortened(asked)}: {trouble_with(asked)}. Until then I use {runs[0].name}."


def explain_other_run(asked: str | None, shown: str, records: Sequence[RunSnapshot], need: Need | None) -> None:
    """Says why a page does not show the run that the address names; nothing where it does.

    Args:
        asked: of `asked_run`.
        records: runs that are here and may lack `need`.
    """
    if asked is None or asked == shown:
        return
    is_here = need is not None and any(record.name == asked for record in records)
    reason = f"{asked} {need.absence}." if is_here else f"There is no run {shortened(asked)} here."
    notice(f"{reason} Until you choose another, this is {shown}.")
    if is_here:
        st.code(need.command_for(asked), language="bash")
