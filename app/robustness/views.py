"""The views of the Robustness page."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import streamlit as st

from app import photo_inputs, state, theme, widgets
from app.cache import robustness as cache
from app.cache.photos import whole_photo
from app.cache.runs import load_model
from app.figures.robustness import StrengthCurve, score_by_strength
from app.photos import photo_files
from app.photos.photo_files import PhotoFile
from app.robustness import words
from app.robustness.panels import Selection, not_stressed
from app.theme import NO_MODEBAR
from app.words import SPLITS, domain_mismatch
from hvit.data.corruptions import CORRUPTIONS
from hvit.scoring.robustness import CellScores, curve, mean_curve
from hvit.scoring.robustness_comparison import corruption_errors, difference_of_runs, drop, shared
from hvit.scoring.robustness_records import Robustness
from hvit.verdicts import NAMED

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.scoring.stress import StressPrediction

SHOWN_STRENGTHS = (3, 5)


def curves(chosen: Selection) -> None:
    """Four scores against strength, for one corruption or the mean of all."""
    runs = _on_shared_photos(chosen)
    kinds = [kind for kind in runs[0].kinds if all(kind in run.kinds for run in runs)]
    has_mean = any(kind in CORRUPTIONS for kind in kinds)
    options = [words.MEAN, *kinds] if has_mean else kinds
    state.keep_among(state.STRESS_KIND, options)
    kind = st.selectbox(
        "Kind of change", options, key=state.STRESS_KIND, format_func=words.kind_title, bind="query-params", width=320
    )
    scores = [mean_curve(run) if kind == words.MEAN else curve(run, kind) for run in runs]
    colors = theme.palette(st.context.theme.type)
    places = [*st.columns(2), *st.columns(2)]
    for place, (measure, title) in zip(places, words.MEASURES.items()):
        lines = [_line(run.run, own, measure) for run, own in zip(runs, scores)]
        alt = "; ".join(f"{line.name}: {_values_text(line)}" for line in lines)
        figure = score_by_strength(lines, title.lower(), colors)
        place.plotly_chart(figure, key=f"stress_{measure}", config=NO_MODEBAR, alt=f"{title} by strength. {alt}")
    split = SPLITS.get(runs[0].split, runs[0].split)
    widgets.sentence(words.basis(scores[0][0].n, split, kind), "standing")
    if kind != words.MEAN:
        _differences(runs, kind)


def _line(name: str, scores: Sequence[CellScores], measure: str) -> StrengthCurve:
    intervals = [each.top1_ci for each in scores] if measure == "top1" else ()
    return StrengthCurve(
        name, [each.strength for each in scores], [getattr(each, measure) for each in scores], intervals
    )


def _values_text(line: StrengthCurve) -> str:
    return ", ".join("none" if value is None else f"{100 * value:.0f} %" for value in line.values)


def _differences(runs: Sequence[Robustness], kind: str) -> None:
    """Paired differences in words: between strengths, and between two runs."""
    strengths = [strength for strength in SHOWN_STRENGTHS if strength in runs[0].strengths(kind)]
    for run in runs:
        for strength in strengths:
            widgets.sentence(words.drop_sentence(run.run, kind, strength, drop(run, kind, strength)), "below")
    if len(runs) == 2:
        for strength in strengths:
            change = difference_of_runs(*runs, kind, strength)
            widgets.sentence(words.comparison_sentence(runs[0].run, runs[1].run, strength, change), "below")


def table(chosen: Selection) -> None:
    """One score of every corruption and strength, and everything as CSV."""
    runs = _on_shared_photos(chosen)
    measure = widgets.choice("Score", words.MEASURES, state.STRESS_MEASURE, labelled=False)
    errors = corruption_errors(runs[1], runs[0]) if len(runs) == 2 else None
    rows, exported = [], []
    for of_kind in zip(*(_all_curves(run) for run in runs)):  # the runs share their kinds: a kind's rows adjoin
        for run, (kind, scores) in zip(runs, of_kind):
            row = ({"Run": run.run} if len(runs) > 1 else {}) | words.scores_row(kind, scores, measure)
            is_changed = kind != words.MEAN and scores[-1].strength
            row["Change of accuracy at 5, points"] = (
                100 * drop(run, kind, scores[-1].strength).difference if is_changed else None
            )
            if errors is not None and run is runs[1]:
                row["Corruption error"] = errors.mean if kind == words.MEAN else errors.by_kind.get(kind)
            rows.append(row)
            exported += [{"run": run.run, "split": run.split} | _exported(each, kind) for each in scores]
    formats = {"Change of accuracy at 5, points": "%+.1f"} | ({"Corruption error": "%.2f"} if errors else {})
    widgets.table(rows, "robustness", exported, formats=formats)
    if errors is not None:
        widgets.sentence(
            f"Corruption error: errors of {runs[1].run} summed over strengths, relative to those of {runs[0].run}; "
            "below 1 is better (Hendrycks and Dietterich 2019).",
            "standing",
        )


def _all_curves(run: Robustness) -> list[tuple[str, list[CellScores]]]:
    means = mean_curve(run)
    return ([(words.MEAN, means)] if means else []) + [(kind, curve(run, kind)) for kind in run.kinds]


def _exported(scores: CellScores, kind: str) -> dict:
    row = asdict(scores) | {"kind": kind}
    row["top1_low"], row["top1_high"] = row.pop("top1_ci")
    return row


def _on_shared_photos(chosen: Selection) -> list[Robustness]:
    """Recorded predictions; of two runs on their shared photos and corruptions."""
    return list(shared(*chosen.runs)) if len(chosen.runs) == 2 else chosen.runs


def kinds(chosen: Selection) -> None:
    """Every corruption of one rendered leaf at a chosen strength."""
    strength = _choose_strength()
    seen = cache.example_pictures(strength)
    tiles = [(seen["clean"], "As it is", "")]
    tiles += [(seen[kind], words.kind_title(kind), words.amount_line(kind, strength)) for kind in CORRUPTIONS]
    _gallery(tiles)
    widgets.sentence(
        "Drawn by LeafSim, not a photograph. Random parts differ from picture to picture, and stay the same from "
        "strength to strength.",
        "standing",
    )


def _choose_strength() -> int:
    titles = {str(strength): str(strength) for strength in range(1, 6)}
    return int(widgets.choice("Strength", titles, state.STRESS_STRENGTH, initially="3"))


def photo(chosen: Selection, runs: Sequence) -> None:
    """A photo of the user at every strength of one corruption, with the predictions of the run."""
    if not chosen.record.can_predict:
        widgets.sentence(f"The weights of {chosen.record.name} are not in this copy; choose another run.", "below")
        return
    with st.container(key="stress_upload"):
        photo_inputs.ask_for_photos(runs, chosen.record)
    options = list(CORRUPTIONS)
    state.keep_among(state.STRESS_LADDER, options)
    with st.container(horizontal=True, key="stress_photo_choice"):
        own = _choose_photo()
        kind = st.selectbox(
            "Kind of change", options, key=state.STRESS_LADDER, format_func=words.kind_title, bind="query-params"
        )
    if caution := domain_mismatch(chosen.record.learned_from, own.address is not None, None):
        widgets.notice(caution)
    whole_photo(own)  # reports an unreadable photo before the model is loaded
    ladder = cache.ladder_of(own, load_model(chosen.record), kind)
    _gallery([(picture, _version(prediction), words.verdict_line(prediction)) for picture, prediction in ladder])
    predictions = [prediction for _, prediction in ladder]
    widgets.sentence(words.ladder_summary(kind, predictions), "below")
    if any(prediction.verdict == NAMED for prediction in predictions):
        widgets.sentence("One photo shows how the model reacts, not how good it is: that is under Curves.", "standing")


def _choose_photo() -> PhotoFile:
    """A photo of the session, or a rendered leaf where there is none."""
    given = state.photos() or [photo_files.rendered("Drawn leaf", cache.EXAMPLE)]
    names = [f"{number}. {photo.name}" for number, photo in enumerate(given, 1)]
    state.keep_among(state.STRESS_PHOTO, names)
    return given[names.index(st.selectbox("Photo", names, key=state.STRESS_PHOTO))]


def _version(prediction: StressPrediction) -> str:
    return "As it is" if prediction.strength == 0 else f"Strength {prediction.strength}"


def _gallery(tiles: Sequence[tuple[bytes, str, str]]) -> None:
    """Images side by side with titles."""
    figures = "".join(
        f'<figure><img alt="{html.escape(title)}" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
        f"<figcaption><b>{html.escape(title)}</b><span>{html.escape(line)}</span></figcaption></figure>"
        for picture, title, line in tiles
    )
    st.html(f'<div class="gallery stress-gallery">{figures}</div>')


def show(view: str, chosen: Selection, runs: Sequence) -> None:
    """Draws the selected view."""
    if view == "kinds":
        kinds(chosen)
    elif view == "photo":
        photo(chosen, runs)
    elif chosen.found is None:
        not_stressed(chosen.record)
    else:
        {"curves": curves, "table": table}[view](chosen)
