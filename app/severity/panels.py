"""Panels of the Severity page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app import state, theme, widgets
from app.cache import severities
from app.figures import agreement
from app.gallery import Tile, gallery
from app.severity import words
from app.severity.outlines import with_both_masks
from app.theme import SAVE_MODEBAR
from app.words import rate
from hvit.data.classes import spoken
from hvit.runs.snapshot import RunSnapshot
from hvit.severity.records import HEAD, MeasuredPhoto
from hvit.words import capitalized

WORST = 24
MEASURED = widgets.Need(
    "has no recorded severity of photos with masks",
    "python -m training.segment --config training/configs/leaf45_severity.yaml --set init={run}",
)


def empty_state(records: Sequence[RunSnapshot]) -> None:
    """The page while no run has recorded severities."""
    text = "A segmentation head learns from photos with masks, on the backbone of a run:"
    able = [record for record in records if record.can_predict]
    widgets.empty_page("No run measures severity yet.", text, MEASURED.command_for(widgets.example_run(able)))


def no_rows(record: RunSnapshot) -> None:
    """The page where a run recorded no photo that its head measured."""
    widgets.sentence(f"Run {record.name} recorded no photo that its segmentation head measured.")


def choose_data(rows: Sequence[MeasuredPhoto]) -> str:
    """Selects the data set; it is a query parameter."""
    names = {row.data: words.data_title(row.data) for row in rows}
    return widgets.choice("Photos", names, state.SEVERITY_DATA, labelled=False)


def headline(record: RunSnapshot, data: str, baselines: Mapping[str, RunSnapshot]) -> None:
    """The main scores of the head, and its gain over each baseline, with the run that recorded it."""
    widgets.metrics(words.cells(severities.scores(record, data, HEAD)))
    for method, baseline in baselines.items():
        widgets.sentence(words.gain(severities.gain_over(record, baseline, method, data), method), "standing")
    widgets.sentence(
        "95 % confidence intervals: bootstrap over photos. IoU is pooled over the pixels of all photos.", "standing"
    )


def agreements(record: RunSnapshot, data: str, rows: Sequence[MeasuredPhoto]) -> None:
    """Measured against true areas, and their differences."""
    found = [row for row in rows if row.area is not None and row.area_true is not None]
    limits = severities.scores(record, data, HEAD).limits
    if limits is None:
        widgets.sentence("These masks do not tell the leaf from the background: no area can be compared.")
        return
    true, area = [row.area_true for row in found], [row.area for row in found]
    names = [row.path for row in found]
    low = [row.area if row.low is None else row.low for row in found]
    high = [row.area if row.high is None else row.high for row in found]
    colors = theme.palette(st.context.theme.type)
    first, second = st.columns(2)
    with first:
        st.plotly_chart(
            agreement.identity_scatter(true, area, low, high, names, colors), config=SAVE_MODEBAR, key="identity",
            alt=f"Measured against true area of {len(found)} photos",
        )  # fmt: skip
    with second:
        st.plotly_chart(
            agreement.bland_altman(true, area, names, limits, colors), config=SAVE_MODEBAR, key="bland_altman",
            alt=words.limits(limits),
        )  # fmt: skip
    widgets.sentence(words.limits(limits), "standing")


def by_condition(rows_by_method: Mapping[str, Sequence[MeasuredPhoto]]) -> None:
    """Table by method and condition."""
    from hvit.scoring.severity import severity_scores

    table = []
    for method, own in rows_by_method.items():
        for label in ["", *sorted({row.label for row in own} - {""})]:
            part = [row for row in own if not label or row.label == label]
            if not part:
                continue
            scores = severity_scores(part, resamples=0)
            has_symptoms = any(row.symptom_true for row in part)  # overlap with nothing would read as a failure
            table.append({
                "method": words.method_title(method), "condition": label or "all", "photos": scores.n,
                "compared": scores.measured, "IoU of symptoms": scores.symptom_iou.value if has_symptoms else None,
                "IoU of the leaf": scores.leaf_iou.value,
                "concordance": scores.concordance.value if has_symptoms else None,
                "error, points": None if scores.mae.value is None else 100 * scores.mae.value,
            })  # fmt: skip
    formats = dict.fromkeys(("IoU of symptoms", "IoU of the leaf", "concordance"), "%.2f") | {"error, points": "%.1f"}
    spoken_rows = [row | {"condition": capitalized(spoken(row["condition"]))} for row in table]
    titled = [{capitalized(title): value for title, value in row.items()} for row in spoken_rows]
    formats = {capitalized(title): shown for title, shown in formats.items()}
    widgets.table(titled, "severity", table, formats=formats)


def worst(record: RunSnapshot, rows: Sequence[MeasuredPhoto]) -> None:
    """The photos with the largest errors, worst first."""
    found = [row for row in rows if row.area is not None and row.area_true is not None]
    found.sort(key=lambda row: -abs(row.area - row.area_true))
    if not found:
        return
    st.html("<h2>Largest errors</h2>")
    widgets.sentence(words.BOTH_MASKS, "standing")
    tiles = [
        Tile(
            row.path, row.sha256, f"measured {rate(row.area)}, true {rate(row.area_true)}",
            capitalized(spoken(row.label)), label=row.label,
        )
        for row in found[:WORST]
    ]  # fmt: skip
    gallery(tiles, "severity_worst", record.name, record.classes, partial(with_both_masks, record))


def not_measured(rows: Sequence[MeasuredPhoto]) -> None:
    """Photos without an area, with the reasons."""
    reasons: dict[str, int] = {}
    for row in rows:
        if row.area is None and row.reason:
            reasons[row.reason] = reasons.get(row.reason, 0) + 1
    if reasons:
        counts = "; ".join(f"{count} because of: {reason}" for reason, count in sorted(reasons.items()))
        widgets.sentence(f"Without an area: {counts}.", "standing")
