"""Field trial of a batch: sheet, unmatched photos and lines, tables by plot and treatment, disease progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app import state, theme, widgets
from app.batch import trial_words as words
from app.batch.export import XLSX
from app.batch.selection import ANY
from app.cache import batches
from app.cache.reviews import reviews_of
from app.figures.progress import disease_progress
from app.theme import NO_MODEBAR
from app.widgets import errors_noted, notice, sentence
from hvit.batches import Batch
from hvit.batches.results import Results
from hvit.batches.reviews import standing_reviews
from hvit.batches.tables import to_xlsx
from hvit.csv_tables import to_csv
from hvit.data.classes import is_healthy
from hvit.trials.joining import Joined, join_sheet
from hvit.trials.observations import Observation, observe, tidy_rows
from hvit.trials.sheet import SheetError, read_sheet
from hvit.trials.storage import forget_sheet, keep_sheet, sheet_file
from hvit.trials.summary import grouped, summary_rows, treatment_audpc, treatment_progress, unit_of
from hvit.words import class_title

MAX_LISTED = 200


def show(batch: Batch) -> None:
    """Uploader of the sheet; with one, tables and figures of the trial."""
    file = sheet_file(batch)
    if file is None:
        sentence(words.HOW, "below")
        st.code(words.EXAMPLE, language=None)
        _ask(batch)
        return
    results = batches.results_of(batch)
    try:
        sheet = read_sheet(file)
    except SheetError as error:  # changed since it was kept: another can take its place
        notice(f"{error}.")
        _ask(batch)
        return
    joined = join_sheet(sheet, [photo.name for photo in results.photos])
    for note in sheet.notes:
        sentence(note, "standing")
    sentence(words.joined(joined, len(sheet.rows)), "below")
    _unmatched(joined)
    condition = _choose_condition(results)
    standing = standing_reviews(reviews_of(batch))
    observations = observe(results, joined, standing, condition)
    if observations:
        _tables(batch, observations)
        _progress(observations)
    with st.expander("Another sheet"):
        _ask(batch)
        st.button("Take the sheet away", type="tertiary", on_click=_remove_sheet, args=(batch,))


def _ask(batch: Batch) -> None:
    with st.container(key="trial_upload"):
        st.file_uploader(
            "Sheet of the trial, CSV or XLSX", key=state.sheet_inbox_key(), on_change=_store, args=(batch,)
        )


def _store(batch: Batch) -> None:
    file = st.session_state[state.sheet_inbox_key()]
    if file is None:
        return
    with errors_noted():
        keep_sheet(batch, file.name, file.getvalue())
        state.empty_sheet_inbox()


def _remove_sheet(batch: Batch) -> None:
    with errors_noted():
        forget_sheet(batch)


def _unmatched(joined: Joined) -> None:
    """Photos and lines without a match, by name."""
    parts = words.unmatched(joined)
    if not parts:
        return
    with st.expander(f"What does not fit ({sum(len(names) for _, names in parts):,})", expanded=True):
        for title, names in parts:
            sentence(title, "below")
            more = [f"and {len(names) - MAX_LISTED:,} more"] if len(names) > MAX_LISTED else []
            st.code("\n".join([*names[:MAX_LISTED], *more]), language=None)


def _choose_condition(results: Results) -> str | None:
    labels = sorted({results.label(row) for row in range(len(results))} - {None}, key=class_title)
    options = [ANY, *(label for label in labels if not is_healthy(label))]
    state.keep_among(state.TRIAL_CONDITION, options)
    with st.container(key="trial_condition"):
        chosen = st.selectbox(
            "Incidence of",
            options,
            key=state.TRIAL_CONDITION,
            format_func=lambda name: "any disease" if name == ANY else class_title(name),
        )
    return None if chosen == ANY else chosen


def _tables(batch: Batch, observations: Sequence[Observation]) -> None:
    tables = {by: summary_rows(observations, by) for by in ("treatment", "plot")}
    for by, title in (("treatment", "Treatments"), ("plot", "Plots")):
        st.subheader(title)
        rows = [words.row(row) for row in tables[by]]
        kept = [name for name in rows[0] if any(row[name] not in ("", None) for row in rows)]
        widgets.table([{name: row[name] for name in kept} for row in rows], f"{batch.name}-{by}s", tables[by])
    sentence(words.ABOUT_INTERVALS, "standing")
    sheets = {"Photos": tidy_rows(observations), "Plots": tables["plot"], "Treatments": tables["treatment"]}
    with st.container(horizontal=True, key="trial_downloads"):
        st.download_button(
            "Photos for R (CSV)", lambda: _tidy_csv(observations), f"{batch.name}-tidy.csv", "text/csv",
            on_click="ignore",
        )  # fmt: skip
        stamp = f"{datetime.now():%Y-%m-%d}"
        st.download_button(
            "All tables (XLSX)", lambda: to_xlsx(sheets), f"{batch.name}-trial-{stamp}.xlsx", XLSX, on_click="ignore"
        )
    with st.expander("Read it in R"):
        st.code(words.R_CODE.format(file=f"{batch.name}-tidy.csv"), language="r")


def _tidy_csv(observations: Sequence[Observation]) -> bytes:
    return to_csv(tidy_rows(observations))


def _progress(observations: Sequence[Observation]) -> None:
    days = {o.date for o in observations} - {None}
    if len(days) < 2:
        sentence("With two dates or more in the sheet, disease progress and its area (AUDPC) stand here.", "standing")
        return
    st.subheader("Disease progress")
    measured = any(o.severity is not None for o in observations)
    options = {"incidence": "Incidence"} | ({"severity": "Severity"} if measured else {})
    measure = widgets.choice("Measure", options, state.TRIAL_MEASURE, labelled=False)
    progress = treatment_progress(observations, measure)
    figure = disease_progress(progress, options[measure], theme.palette(st.context.theme.type))
    st.plotly_chart(figure, key="trial_progress", config=NO_MODEBAR, alt=words.progress_alt(progress))
    areas = treatment_audpc(observations, measure)
    plots = {treatment: len(grouped(own, unit_of)) for treatment, own in grouped(observations, _treatment).items()}
    widgets.table([words.audpc_row(name, mean, plots[name]) for name, mean in areas.items()], f"audpc-{measure}")
    sentence(words.ABOUT_AUDPC, "standing")


def _treatment(observation: Observation) -> str:
    return observation.treatment
