"""The Curves view of the Compare runs page: learning curves of seed groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import state, theme, widgets
from app.cache import records
from app.compare import words
from app.figures.curves import GroupCurves, learning_curves
from app.theme import ZOOM_MODEBAR
from hvit.runs import RunError
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.learning_curves import Curve, curve, logged


@dataclass(frozen=True)
class _Choice:
    """What the controls of the view select."""

    metric: str  # split/metric
    title: str
    axis: str
    smoothing: float
    each_seed: bool


def curves(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Learning curves; they grow during training."""
    rows, reasons = _rows(groups)
    for reason in reasons:
        widgets.notice(f"{reason}.")
    metrics = list(dict.fromkeys(metric for logs in rows.values() for metric in logged(logs)))
    if not metrics:
        widgets.sentence("Nothing is logged yet. The first values come after some steps of training.", "below")
        return
    choice = _controls(metrics)
    split, metric = choice.metric.split("/", 1)
    series = [
        GroupCurves(
            group.name,
            [_along(rows[record.name], split, metric, choice.axis) for record in group.members if record.name in rows],
            any(record.status == "running" for record in group.members),
        )
        for group in groups
    ]
    figure = learning_curves(
        series,
        choice.smoothing,
        choice.title,
        words.AXIS_TITLES[choice.axis],
        choice.each_seed,
        metric in words.SHARES,
        theme.palette(st.context.theme.type),
    )
    alt = f"{choice.title} of {len(groups)} groups"
    st.plotly_chart(figure, key="learning_curves", config=ZOOM_MODEBAR, alt=alt)
    if notes := _notes(series, choice):
        widgets.sentence(" ".join(notes), "standing")


def _controls(metrics: Sequence[tuple[str, str]]) -> _Choice:
    titles = {f"{split}/{metric}": words.metric_title(split, metric) for split, metric in metrics}
    first = "/".join(words.first_metric(metrics))
    options = [first, *(option for option in titles if option != first)]
    state.keep_among(state.METRIC, options)
    with st.container(horizontal=True, vertical_alignment="bottom", key="curve_tools"):
        chosen = st.selectbox(
            "Metric", options, key=state.METRIC, format_func=titles.get, bind="query-params", width=320
        )
        axis = widgets.choice("Along", words.AXES, state.AXIS)
        smoothing = st.slider("Smoothing", 0.0, 0.95, 0.0, 0.05, key=state.SMOOTHING, bind="query-params", width=220)
        each_seed = st.toggle("Each seed", key=state.EACH_SEED, bind="query-params")
    return _Choice(chosen, titles[chosen], axis, smoothing, each_seed)


def _notes(series: Sequence[GroupCurves], choice: _Choice) -> list[str]:
    """Sentences on how the curves are drawn, and on groups without the metric."""
    notes = []
    if not choice.each_seed and any(len(group.curves) > 1 for group in series):
        notes.append("Line: mean over seeds. Band: from the lowest seed to the highest.")
    if choice.smoothing:
        notes.append("Smoothed by an exponential moving average, each run before the mean.")
    without = [group.name for group in series if not any(len(c) for c in group.curves)]
    if without:
        notes.append(f"Not logged by {', '.join(without)}.")
    return notes


def _rows(groups: Sequence[SeedGroup[RunSnapshot]]) -> tuple[dict[str, list[dict]], list[str]]:
    """Logged rows of each run, and reasons why some cannot be read."""
    rows, reasons = {}, []
    for record in (record for group in groups for record in group.members):
        try:
            rows[record.name] = records.curves(record)
        except RunError as error:
            reasons.append(str(error))
    return rows, reasons


def _along(rows: list[dict], split: str, metric: str, axis: str) -> Curve:
    found = curve(rows, split, metric, axis)
    return Curve(found.x / 60, found.y) if axis == "time_s" else found
