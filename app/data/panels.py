"""Panels of the Data page: counts of photos, report of the check, and examples."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import streamlit as st

from app import state, theme, widgets
from app.cache import training_photos
from app.data import words
from app.figures.balance import class_balance
from app.gallery import Tile, gallery
from app.theme import SAVE_MODEBAR
from app.widgets import sentence
from hvit.csv_tables import to_csv
from hvit.data.classes import crop_of

if TYPE_CHECKING:
    from hvit.data.inspection.balance import Balance
    from hvit.runs.snapshot import RunSnapshot

ALL = "all"


def empty_state() -> None:
    """The page while there is no run."""
    st.html('<div class="empty"><p class="verdict"><b>There is no run here yet.</b></p></div>')
    widgets.how_to_train()


def headline(record: RunSnapshot, balance: Balance, check: dict | None) -> None:
    """Training data of a run, in a sentence and in numbers.

    Args:
        check: the recorded report of `hvit data check`, or None.
    """
    sentence(words.learned_from(record, balance), "below")
    nouns = words.noun(record)
    cells = [(words.ROLES[role], f"{balance.count(role=role):,}", nouns) for role in balance.roles]
    if cells:
        widgets.metrics([(name[:1].upper() + name[1:], value, note) for name, value, note in cells])
    known = words.plants_known(record, check)
    sentence(words.plants(known), "caution" if known is False else "standing")


def choose_source(balance: Balance) -> str | None:
    """Selects a data set; None for all."""
    if len(balance.sources) < 2:
        return None
    options = [ALL, *balance.sources]
    state.keep_among(state.DATA_SET, options)
    chosen = st.selectbox(
        "Data set",
        options,
        key=state.DATA_SET,
        bind="query-params",
        format_func=lambda name: "All together" if name == ALL else name,
    )
    return None if chosen == ALL else chosen


def spread(record: RunSnapshot, balance: Balance, source: str | None) -> None:
    """Figure of the photos of each class."""
    st.html("<h2>Classes</h2>")
    if text := words.evenness(balance) if source is None else None:
        sentence(text, "standing")
    shown = [name for name in balance.classes if balance.count(source, name)]
    shown.sort(key=lambda name: (crop_of(name), words.class_label(name)))
    counts = {
        words.ROLES[role]: [balance.count(source, name, role) for name in shown]
        for role in balance.roles
        if balance.count(source, role=role)
    }
    titles = [words.class_label(name) for name in shown]
    figure = class_balance(titles, counts, words.noun(record), theme.palette(st.context.theme.type))
    alt = f"{len(shown)} classes, {balance.count(source):,} {words.noun(record)}"
    st.plotly_chart(figure, config=SAVE_MODEBAR, key="balance", alt=f"How many there are of each class: {alt}")
    st.download_button(
        "CSV", lambda: to_csv(words.table_rows(balance)), f"{record.name}_classes.csv", "text/csv", on_click="ignore"
    )


def sources(record: RunSnapshot, balance: Balance) -> None:
    """Table of data sets with sizes and licences."""
    licences = words.licences(record)
    names = sorted({*balance.sources, *licences})
    if not names:
        return
    st.html("<h2>Data sets</h2>")
    counts = balance.role_source is not None
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + (f"<td>{balance.count(name):,}</td>" if counts else "")
        + f"<td>{html.escape(licences[name] if name in licences else 'licence not recorded')}</td></tr>"
        for name in names
    )
    head = f"<td>{words.noun(record)}</td>" if counts else ""
    st.html(f'<table class="plain"><thead><tr><td></td>{head}<td>licence</td></tr></thead>{rows}</table>')


def report(record: RunSnapshot, found: dict | None) -> None:
    """Report of leaks, copies and background bias, or the command that makes it."""
    st.html("<h2>Check</h2>")
    if found is None:
        sentence(
            "The check of these data is not recorded in this run. Where the data are, it takes some minutes:", "below"
        )
        st.code(words.check_command(record), language="bash", wrap_lines=True)
        return
    nouns = words.noun(record)
    lines = "".join(
        f'<dt class="{"attention" if attention else ""}">{html.escape(title)}</dt><dd>{html.escape(text)}</dd>'
        for title, text, attention in words.findings(found, nouns)
    )
    st.html(f'<dl class="findings">{lines}</dl>')
    sentence(words.checked(found, nouns), "standing")
    if pairs := words.pair_rows(found):
        with st.expander(f"The pairs in two splits ({len(pairs)})"):
            st.dataframe(pairs, hide_index=True)
            st.download_button(
                "CSV", lambda: to_csv(pairs), f"{record.name}_pairs.csv", "text/csv", on_click="ignore", key="pairs"
            )


def examples(record: RunSnapshot, balance: Balance, source: str | None) -> None:
    """Example images of one class."""
    st.html("<h2>Examples</h2>")
    classes = [name for name in balance.classes if balance.count(source, name)]
    classes.sort(key=lambda name: (crop_of(name), words.class_label(name)))
    state.keep_among(state.EXAMPLE_CLASS, classes)
    label = st.selectbox("Class", classes, key=state.EXAMPLE_CLASS, bind="query-params", format_func=words.class_label)
    parts = training_photos.examples_of(record, label, source, None)
    tiles = [
        Tile(part.path, part.sha256, words.ROLES[part.role].capitalize(), part.source, label=part.label)
        for part in parts
    ]
    gallery(tiles, "data", record.name, balance.classes)
