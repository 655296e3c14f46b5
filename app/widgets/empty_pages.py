"""What a page shows without a run that has what it needs: what is missing, and the command that makes it."""

import html
from collections.abc import Sequence

import streamlit as st

from app import words
from app.cache.runs import unfinished_runs
from app.widgets.run_choice import Need
from app.widgets.text import plain
from hvit.runs import DEFAULT_RUN, Trouble
from hvit.runs.snapshot import RunSnapshot

QUICK_COMMAND = "python -m training.quick path/to/photos --run {run}"
TRAIN_COMMAND = """python -m training.finetune --config training/configs/own_photos.yaml --run-dir runs/my-leaves \\
    --set "data.dirs=[path/to/photos]\""""
FROM_NOTHING = " --set init=null --set freeze_epochs=0 --set optim.layer_decay=1 --set epochs=60"
EVALUATED = Need("was not evaluated yet", "python -m hvit evaluate --run {run} --data path/to/photos --save")


def empty_page(verdict: str, text: str, command: str) -> None:
    """A page without anything to show: what is missing, why, and the command that makes it.

    Args:
        text: may hold HTML; nothing of a user may be in it.
    """
    st.html(f'<div class="empty"><p class="verdict"><b>{html.escape(verdict)}</b></p><p>{text}</p></div>')
    st.code(command, language="bash")


def no_run_yet() -> None:
    """Page without a run that can diagnose: trainings in progress, and how to train."""
    st.subheader("There is no trained model here yet.")
    for run in unfinished_runs():
        is_pretrained = run.status == "done" and run.kind == "pretrain"
        st.write(
            f"{plain(run.name)}: {'pre-trained without labels, knows no classes yet' if is_pretrained else run.status}"
        )
    st.write("Copy a run with its weights into the folder `runs`, or train one, and reload this page.")
    how_to_train()


def no_evaluated_run(text: str, records: Sequence[RunSnapshot], troubles: Sequence[Trouble]) -> None:
    """A page that needs recorded predictions while no run has any."""
    empty_page("No run was evaluated yet.", text, EVALUATED.command_for(example_run(records)))
    unreadable_runs(records, troubles)


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
        st.code(QUICK_COMMAND.format(run=words.shell_word(run_name)), language="bash")
        st.write("That takes a minute. Fine-tuning takes some minutes and is sometimes better (docs/own-photos.md):")
    st.code(TRAIN_COMMAND + ("" if run_name else FROM_NOTHING), language="bash")


def example_run(records: Sequence[RunSnapshot]) -> str:
    """Name of a run for a command: the default run, else the first; RUN without any."""
    names = [record.name for record in records]
    return DEFAULT_RUN if DEFAULT_RUN in names else next(iter(names), "RUN")
