"""Inputs that several pages share: run, crop, photos; and the display of user errors."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import query_params, state, words
from app.cache.runs import trouble_with, unfinished_runs
from app.photos import pictures, rendered_leaves
from hvit.csv_tables import to_csv
from hvit.data.classes import crop_title, crops
from hvit.runs import DEFAULT_RUN, Trouble, shortened
from hvit.runs.snapshot import RunSnapshot

NOT_SURE, ANOTHER = "not_sure", "another"
QUICK_COMMAND = "python -m training.quick path/to/photos --run {run}"
TRAIN_COMMAND = """python -m training.finetune --config training/configs/own_photos.yaml --run-dir runs/my-leaves \\
    --set "data.dirs=[path/to/photos]\""""
FROM_NOTHING = " --set init=null --set freeze_epochs=0 --set optim.layer_decay=1 --set epochs=60"


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
        return self.command.format(run=run)


EVALUATED = Need("was not evaluated yet", "python -m hvit evaluate --run {run} --data path/to/photos --save")


@contextmanager
def user_errors_shown() -> Iterator[None]:
    """Context manager that shows user errors as a sentence and stops the page."""
    try:
        yield
    except ValueError as error:
        notice(str(error))
        st.stop()


@contextmanager
def errors_noted() -> Iterator[None]:
    """Context manager for callbacks: the message of a user error is shown as a note after the rerun."""
    try:
        yield
    except ValueError as error:
        state.note_on_batch(str(error))


def call_noting_errors(callback: Callable[..., None], *args) -> None:
    """Calls a callback within `errors_noted`."""
    with errors_noted():
        callback(*args)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar, shown from the first report of (done, total) to the end."""
    place = st.empty()
    try:
        yield lambda done, total: place.progress(done / total, f"{what}: {done} of {total}")
    finally:
        place.empty()


def plain(text: str) -> str:
    """Escapes Markdown in a label."""
    return re.sub(r"([\\`*_\[\]$~<>#:|])", r"\\\1", text)


def sentence(text: str, style: str = "caution") -> None:
    """Paragraph; `style` is a class of the style sheet."""
    st.html(f'<p class="{style}">{html.escape(text)}</p>')


def unseen_title(text: str) -> None:
    """Heading for screen readers only."""
    st.html(f'<h1 class="unseen">{html.escape(text)}</h1>')


def notice(text: str) -> None:
    """Highlighted sentence."""
    st.html(f'<p class="notice" role="status">{html.escape(text)}</p>')


def no_run_yet() -> None:
    """Page without a run that can diagnose: trainings in progress, and how to train."""
    st.subheader("There is no trained model here yet.")
    for run in unfinished_runs():
        is_pretrained = run.status == "done" and run.kind == "pretrain"
        st.write(f"{run.name}: {'pre-trained without labels, knows no classes yet' if is_pretrained else run.status}")
    st.write("Copy a run with its weights into the folder `runs`, or train one, and reload this page.")
    how_to_train()


def unreadable_runs(records: Sequence[RunSnapshot], troubles: Sequence[Trouble]) -> None:
    """Lists runs that cannot be read, completely or in part, with reasons."""
    reasons = {trouble.name: trouble.reason for trouble in troubles}
    reasons |= {record.name: record.problem for record in records if record.problem}
    if not reasons:
        return
    with st.expander(f"{words.counted(len(reasons), 'folder')} among the runs cannot be read in full"):
        for name, reason in sorted(reasons.items()):
            st.write(f"**{plain(name)}**: {plain(reason)}.")


def how_to_train(run_name: str | None = None) -> None:
    """Command from a folder of photos to a run.

    Args:
        run_name: a run to start from, for a first result within a minute; None where there is none.
    """
    st.write("Sort your photos into folders named `Crop___Condition`, for example `Tomato___Late_blight`. Then:")
    if run_name is not None:
        st.code(QUICK_COMMAND.format(run=run_name), language="bash")
        st.write("That takes a minute. Fine-tuning takes some minutes and is sometimes better (docs/own-photos.md):")
    st.code(TRAIN_COMMAND + ("" if run_name else FROM_NOTHING), language="bash")


def trouble_with_address(runs: Sequence[RunSnapshot]) -> str | None:
    """Error of the run in the query parameters; None without one."""
    asked = st.query_params.get(state.RUN)
    if asked is None or asked in {run.name for run in runs}:
        return None
    return f"The address asks for run {shortened(asked)}: {trouble_with(asked)}. Until then I use {runs[0].name}."


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


def choose_shared(label: str, options: Sequence[str], key: str, **settings) -> str:
    """Select box whose value is shared by pages and is a query parameter; `settings` are those of `st.selectbox`."""
    title = settings.get("format_func", str)
    query_params.restore(key, options, title)
    value = st.selectbox(label, options, key=key, **settings)
    query_params.store(key, value, options, title)
    return value


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


def choice(label: str, titles: Mapping[str, str], key: str, labelled: bool = True, initially: str | None = None) -> str:
    """Segmented control; its value is a query parameter.

    Args:
        titles: label of each option.
        labelled: whether the label is visible, or for screen readers only.
        initially: default option; the first where left out.
    """
    state.keep_among(key, list(titles))
    return st.segmented_control(
        label,
        list(titles),
        default=next(iter(titles)) if initially is None else initially,
        required=True,
        key=key,
        format_func=titles.get,
        bind="query-params",
        label_visibility="visible" if labelled else "collapsed",
    )


def example_run(records: Sequence[RunSnapshot]) -> str:
    """Name of a run for a command: the default run, else the first; RUN without any."""
    names = [record.name for record in records]
    return DEFAULT_RUN if DEFAULT_RUN in names else next(iter(names), "RUN")


def empty_page(verdict: str, text: str, command: str) -> None:
    """A page without anything to show: what is missing, why, and the command that makes it.

    Args:
        text: may hold HTML; nothing of a user may be in it.
    """
    st.html(f'<div class="empty"><p class="verdict"><b>{html.escape(verdict)}</b></p><p>{text}</p></div>')
    st.code(command, language="bash")


def no_evaluated_run(text: str, records: Sequence[RunSnapshot], troubles: Sequence[Trouble]) -> None:
    """A page that needs recorded predictions while no run has any."""
    empty_page("No run was evaluated yet.", text, EVALUATED.command_for(example_run(records)))
    unreadable_runs(records, troubles)


def figures(cells: Sequence[tuple[str, str, str]]) -> None:
    """Row of metrics: label, value and note."""
    parts = (
        f"<div><dt>{html.escape(name)}</dt><dd><b>{html.escape(value)}</b><span>{html.escape(note)}</span></dd></div>"
        for name, value, note in cells
    )
    st.html(f'<dl class="figures">{"".join(parts)}</dl>')


def choose_crop(classes: Sequence[str]) -> str:
    """Selects a crop of the run, `NOT_SURE` or `ANOTHER`: chips, or a drop-down on a phone.

    A run without crops leaves nothing to choose.
    """
    if not crops(classes):
        query_params.remove(state.CROP)
        return NOT_SURE
    options = [NOT_SURE, *crops(classes), ANOTHER]
    titles = {NOT_SURE: "Not sure", ANOTHER: "Another crop"} | {crop: crop_title(crop) for crop in crops(classes)}
    query_params.restore(state.CROP, options, titles.get)
    with st.container(key="crop_chips"):
        crop = st.pills("Which crop?", options, required=True, key=state.CROP, format_func=titles.get)
    query_params.store(state.CROP, crop, options, titles.get)
    state.menu_follows_chips()
    with st.container(key="crop_list"):
        st.selectbox(
            "Which crop?", options, key=state.CROP_MENU, format_func=titles.get, on_change=state.crop_from_menu
        )
    return crop


def known_crop(choice: str) -> str | None:
    """Crop that predictions are restricted to; None for `NOT_SURE`."""
    return None if choice in (NOT_SURE, ANOTHER) else choice


def picture(pixels: np.ndarray, alt: str, is_rendered: bool, key: str = "picture") -> None:
    """Image at full width; rendered leaves are labeled. Two images on a page need different keys."""
    with st.container(key=key):
        st.image(pictures.jpeg(pixels), width="stretch", alt=alt)
        if is_rendered:
            st.html(f'<p class="drawn-tag">{rendered_leaves.TAG}</p>')


def csv_of(rows: Sequence[dict]) -> bytes:
    """Encodes rows as CSV for spreadsheets."""
    return to_csv(list(rows))


def table(
    rows: Sequence[dict],
    name: str,
    exported: Sequence[dict] | None = None,
    can_choose: bool = False,
    formats: Mapping[str, str] | None = None,
) -> int | None:
    """Sortable table with CSV download; returns the selected row.

    Args:
        name: of the file, and key.
        exported: the rows of the CSV, where they say more than the screen.
        can_choose: rows can be chosen.
        formats: of columns of numbers; those whose names end in `, %` need none.
    Returns:
        The row chosen, if one is.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    formats = {column: "%.1f" for column in frame if column.endswith(", %")} | dict(formats or {})
    columns = {column: st.column_config.NumberColumn(column, format=format) for column, format in formats.items()}
    chosen = st.dataframe(
        frame,
        hide_index=True,
        column_config=columns,
        key=f"{name}_table",
        height="content",
        placeholder="",
        **({"on_select": "rerun", "selection_mode": "single-row"} if can_choose else {}),
    )
    st.download_button(
        "CSV", lambda: to_csv(list(exported or rows)), f"{name}.csv", "text/csv", on_click="ignore", key=f"{name}_csv"
    )
    if not can_choose or not chosen["selection"]["rows"]:
        return None
    return chosen["selection"]["rows"][0]
