"""The Disagreements view of the Compare runs page: images for which two runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app import state, widgets
from app.cache import comparisons
from app.compare import panels, words
from app.gallery import Tile, gallery
from app.words import counted, percent
from hvit.csv_tables import to_csv
from hvit.runs.predictions import Predictions, align_labels, shared_photos
from hvit.runs.seed_groups import SeedGroup
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.comparison import OUTCOMES, outcomes
from hvit.words import class_in_text, label_title


def disagreements(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Images for which two runs differ in their prediction."""
    split = panels.choose_split(groups)
    candidates = [record for group in groups for record, _ in comparisons.evaluated(group, split)] if split else []
    if len(candidates) < 2:
        if candidates:
            widgets.sentence("Choose a second run that was evaluated, to compare with.", "below")
        else:
            panels.not_evaluated(groups)
        return
    named = {record.name: record for record in candidates}
    first, second = _choose_two(groups, named)
    if first == second:
        widgets.sentence("Choose two different runs.", "below")
        return
    predictions = [comparisons.predictions_of(named[name], split) for name in (first, second)]
    rows = shared_photos(predictions)
    if not len(rows[0]):
        widgets.notice(
            f"{first} and {second} were not evaluated on the same pictures, so that they cannot be compared."
        )
        return
    if len(rows[0]) < max(map(len, predictions)):
        widgets.notice(
            f"{first} was evaluated on {len(predictions[0]):,} pictures, {second} on {len(predictions[1]):,}; this is "
            f"about the {len(rows[0]):,} they share."
        )
    labels, predicted = align_labels(predictions, rows)
    numbers = outcomes(labels, *predicted)
    _outcome_counts(numbers, first, second)
    outcome = widgets.choice("Pictures where", words.OUTCOMES, state.OUTCOME)
    chosen = np.flatnonzero(numbers == OUTCOMES.index(outcome))
    if not len(chosen):
        widgets.sentence("There is none.", "below")
        return
    surest = np.maximum(predictions[0].confidence[rows[0][chosen]], predictions[1].confidence[rows[1][chosen]])
    chosen = chosen[np.argsort(-surest, kind="stable")]
    _pictures(predictions, [r[chosen] for r in rows], outcome)


def _choose_two(groups: Sequence[SeedGroup[RunSnapshot]], named: dict[str, RunSnapshot]) -> tuple[str, str]:
    """Selects two runs, by default the first of the first two groups."""
    options = list(named)
    firsts = [
        next(record.name for record in group.members if record.name in named) for group in groups if _any(group, named)
    ]
    other = firsts[1] if len(firsts) > 1 else options[1]
    state.keep_among(state.FIRST_RUN, options)
    state.keep_among(state.SECOND_RUN, [other, *(name for name in options if name != other)])
    left, right = st.columns(2)
    return (
        left.selectbox("First run", options, key=state.FIRST_RUN, bind="query-params"),
        right.selectbox(
            "Second run",
            [other, *(name for name in options if name != other)],
            key=state.SECOND_RUN,
            bind="query-params",
        ),
    )


def _any(group: SeedGroup[RunSnapshot], named: dict[str, RunSnapshot]) -> bool:
    return any(record.name in named for record in group.members)


def _outcome_counts(numbers: np.ndarray, first: str, second: str) -> None:
    cells = [("both correct", "both_right"), *((title, key) for key, title in words.OUTCOMES.items())]
    counts = {key: int((numbers == OUTCOMES.index(key)).sum()) for _, key in cells}
    parts = "".join(f"<div><dt>{title}</dt><dd><b>{counts[key]:,}</b></dd></div>" for title, key in cells)
    st.html(f'<dl class="figures">{parts}</dl>')
    widgets.sentence(f"Of {counted(len(numbers), 'picture')}. First: {first}. Second: {second}.", "standing")


def _pictures(predictions: Sequence[Predictions], rows: Sequence[np.ndarray], outcome: str) -> None:
    """Gallery and CSV of the images of one outcome; `rows` are their numbers in both predictions."""
    first, second = predictions
    widgets.sentence(words.opened_pictures(first.run), "standing")
    tiles = [_tile(first, second, i, j) for i, j in zip(*rows)]
    gallery(tiles, f"disagree_{outcome}", first.run, first.classes)
    st.download_button(
        f"CSV of {counted(len(tiles), 'picture')}",
        lambda: to_csv([_csv_row(first, second, i, j) for i, j in zip(*rows)]),
        f"{first.run}-{second.run}-{outcome}.csv",
        "text/csv",
        on_click="ignore",
    )


def _tile(first: Predictions, second: Predictions, i: int, j: int) -> Tile:
    label = first.classes[first.labels[i]]
    return Tile(
        first.paths[i],
        first.sha256[i],
        label_title(label),
        f"first: {_prediction_line(first, i)}; second: {_prediction_line(second, j)}",
        label=label,
        predicted=first.classes[first.predicted[i]],
        probability=float(first.confidence[i]),
    )


def _prediction_line(predictions: Predictions, row: int) -> str:
    name = "correct" if predictions.correct[row] else class_in_text(predictions.classes[predictions.predicted[row]])
    return f"{name}, {percent(float(predictions.confidence[row]))}"


def _csv_row(first: Predictions, second: Predictions, i: int, j: int) -> dict[str, Any]:
    row = {"path": first.paths[i], "sha256": first.sha256[i], "true": first.classes[first.labels[i]]}
    for which, predictions, number in (("first", first, i), ("second", second, j)):
        row |= {
            f"{which}_run": predictions.run,
            f"{which}_called": predictions.classes[predictions.predicted[number]],
            f"{which}_probability": float(predictions.confidence[number]),
        }
    return row
