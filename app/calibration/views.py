"""Views of the Calibration page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.cache import calibrations
from app.calibration import panels, words
from app.figures.reliability import reliability_with_counts
from app.figures.trade_offs import Curve, Mark, accepted_by_threshold, coverage_by_set_size, risk_coverage_curves
from app.words import rate, shell_word, split_title
from hvit.data.classes import crop_of, crops
from hvit.data.unknown_kinds import KNOWN
from hvit.runs.model_card import DetectorRecord
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.detection import accepted_curve, detect, threshold_accepting
from hvit.scoring.distances import Distances
from hvit.scoring.metrics import reliability as reliability_bins
from hvit.scoring.metrics import wilson
from hvit.scoring.selective import operating_point, risk_coverage, threshold_at
from hvit.scoring.set_levels import SetScores, score_sets, score_sets_by_group

SAVES_PICTURE = {"displaylogo": False, "modeBarButtons": [["toImage"]]}
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
ACCEPTED = tuple(k / 200 for k in range(140, 200)) + (0.999, 1.0)
ACCEPTED_FIRST = 0.95
THRESHOLDS_DRAWN = 300
LEVEL_FIRST = 0.02
AS_SERVED, AT_LEVEL = "served", "level"


def reliability(record: RunSnapshot, split: str, predictions: Predictions) -> None:
    """Reliability diagram of all photos or of one data set, and the scores of each."""
    scores, groups = calibrations.calibration_of(record, split), calibrations.data_sets(predictions)
    field = panels.field_sets(record)
    titles = {row.group: words.group_title(row.group, field) for row in scores}
    chosen = "all"
    if len(titles) > 1:
        chosen = widgets.choice("Photos of", titles, state.CALIBRATION_DATA)
    rows = np.ones(len(predictions), dtype=bool) if chosen == "all" else groups == chosen
    score = next(row for row in scores if row.group == chosen)
    bins = reliability_bins(predictions.probs[rows], predictions.labels[rows])
    figure = reliability_with_counts(
        [b["confidence"] for b in bins],
        [b["accuracy"] for b in bins],
        [b["n"] for b in bins],
        [wilson(round(b["n"] * b["accuracy"]), b["n"]) for b in bins],
        predictions.confidence[rows],
        theme.palette(st.context.theme.type),
    )
    with st.container(key="calibration_figure"):
        alt = f"Reliability diagram of {titles[chosen]}, {score.n} photos; the table below has its numbers"
        st.plotly_chart(figure, config=SAVES_PICTURE, key="reliability_diagram", alt=alt)
    kind = "calibrated" if predictions.calibrated else "uncalibrated"
    widgets.sentence(
        f"On the dotted line, {kind} probabilities equal accuracy; below it the model is overconfident. "
        f"{titles[chosen]}: ECE {rate(score.ece)}; {words.ece_sentence(score.ece, score.ece_expected)}. On average, "
        f"{words.confidence_gap(score)}.",
        "below",
    )
    formats = {"NLL": "%.3f", "Brier": "%.3f"}
    widgets.table(words.calibration_rows(scores, field), "calibration", words.calibration_csv(scores), formats=formats)
    panels.method_note(
        f'ECE over {len(bins)} bins of equal mass, error bars Wilson. Binning alone makes ECE larger than 0: "if '
        'calibrated" is its mean where every answer is correct with exactly its probability. The bootstrap interval of '
        "ECE is corrected for its bias."
    )


def sets(record: RunSnapshot, split: str, predictions: Predictions) -> None:
    """Coverage and size of prediction sets by error level, data set and crop."""
    recorded = calibrations.recorded_sets(record, split)
    if not recorded.curve:
        widgets.sentence(
            f"{len(predictions):,} pictures are too few: even a level of 20 % cannot be fitted to four fifths of them.",
            "below",
        )
        return
    levels = [alpha for alpha, _ in recorded.curve]
    first = min(levels, key=lambda alpha: abs(alpha - LEVEL_FIRST))
    alpha = _level("Share of photos whose set may miss the true class", levels, state.LEVEL, first)
    score = recorded.curve[levels.index(alpha)][1]
    widgets.sentence(words.level_sentence(alpha, score, score.coverage_ci[1] >= 1 - alpha), "below")
    served = None
    if recorded.served is not None and record.card is not None and record.card.conformal is not None:
        served = score_sets(recorded.served, predictions.labels)
        widgets.sentence(words.served_sentence(record.card.conformal.alpha, served), "below")
    with st.container(key="calibration_figure"):
        _draw_levels(recorded.curve, levels.index(alpha), served, len(predictions))
    shown = calibrations.sets_at(record, split, alpha)
    if recorded.served is not None:
        titles = {AT_LEVEL: f"at {words.level_title(alpha)}", AS_SERVED: "as served"}
        if widgets.choice("Sets", titles, state.SETS_SHOWN) == AS_SERVED:
            shown, alpha = recorded.served, None
    _sets_by_group(record, predictions, shown, alpha)
    panels.method_note(words.set_threshold_note(recorded.keep_two is not None))


def _level(label: str, levels: Sequence[float], key: str, first: float) -> float:
    """Slider over shares; its value is a query parameter."""
    titles = {level: words.level_title(level) for level in levels}
    state.keep_level(key, titles, first)
    return st.select_slider(label, levels, key=key, format_func=titles.get, bind="query-params")


def _draw_levels(curve: list[tuple[float, SetScores]], chosen: int, served: SetScores | None, n: int) -> None:
    figure = coverage_by_set_size(
        [words.level_title(alpha) for alpha, _ in curve],
        [row.mean_size for _, row in curve],
        [row.coverage for _, row in curve],
        chosen,
        None if served is None else Mark("as served", served.mean_size, served.coverage),
        n,
        theme.palette(st.context.theme.type),
    )
    at = curve[chosen][1]
    alt = f"Coverage against set size; at the chosen level {rate(at.coverage)} with {at.mean_size:.2f} classes"
    st.plotly_chart(figure, config=SAVES_PICTURE, key="coverage_by_set_size", alt=alt)


def _sets_by_group(record: RunSnapshot, predictions: Predictions, shown: np.ndarray, alpha: float | None) -> None:
    by_data = score_sets_by_group(shown, predictions.labels, calibrations.data_sets(predictions))
    formats = {"Classes in a set": "%.2f"}
    rows = words.set_rows(by_data, words.DATA_SET, panels.field_sets(record))
    widgets.table(rows, "sets_by_data_set", words.set_csv(by_data, alpha), formats=formats)
    if len(crops(predictions.classes)) > 1:
        crop_of_photo = np.array([crop_of(name) for name in predictions.classes])[predictions.labels]
        by_crop = score_sets_by_group(shown, predictions.labels, crop_of_photo)
        widgets.table(words.set_rows(by_crop, "Crop"), "sets_by_crop", words.set_csv(by_crop, alpha), formats=formats)


def selective(record: RunSnapshot, split: str, predictions: Predictions) -> None:
    """Risk-coverage curve, and accuracy at a confidence threshold."""
    scores, groups = calibrations.selective_of(record, split), calibrations.data_sets(predictions)
    field, confidence, right = panels.field_sets(record), predictions.confidence, predictions.correct
    curves = []
    for name, _ in scores:
        rows = np.ones(len(predictions), dtype=bool) if name == "all" else groups == name
        curve = risk_coverage(confidence[rows], right[rows])
        curves.append(Curve(f"{words.group_title(name, field)} (n = {rows.sum():,})", curve.coverage, curve.risk))
    figure = risk_coverage_curves(curves, theme.palette(st.context.theme.type))
    with st.container(key="calibration_figure"):
        alt = "Error rate against the share of photos answered; the tables below have the numbers"
        st.plotly_chart(figure, config=SAVES_PICTURE, key="risk_coverage", alt=alt)
    points = [operating_point(confidence, right, threshold_at(confidence, share)) for share in COVERAGES]
    st.subheader("If only the most confident photos are answered")
    widgets.table(words.point_rows(points), "selective_accuracy", words.point_csv(points))
    st.subheader("Area under the curve (AURC)")
    formats = {name: "%.1f" for name in ("AURC x 1000", "Best order x 1000", "Order by chance x 1000")}
    widgets.table(words.selective_rows(scores, field), "aurc", words.selective_csv(scores), formats=formats)
    panels.method_note(
        "AURC is the mean error rate over all shares answered; the best order puts every error last, an order by "
        "chance has the error rate itself. Intervals: bootstrap for AURC, Wilson for accuracy. Confidence "
        "is the calibrated probability of the answer; the limit of unfamiliar is not used here."
    )


def rejection(record: RunSnapshot, split: str, predictions: Predictions) -> None:
    """Acceptance rates of known and unknown photos by threshold."""
    ood, recorded = None if record.card is None else record.card.ood, calibrations.distance_splits(record)
    if ood is None:
        panels.missing(
            "This run has no detector of unfamiliar photos. One is fitted when a run is calibrated:",
            [f"python -m training.calibrate --run {shell_word(record.name)} --data path/to/photos"],
        )
        return
    found = None
    if recorded:
        chosen = widgets.choice("Photos", {name: split_title(name) for name in recorded}, state.DISTANCE_SPLIT)
        found = calibrations.distances_of(record, chosen)
    if found is None or not found.is_known.any():
        panels.missing(
            "How far known and unknown photos are from the training photos is not recorded for this run's detector. "
            "The first command records the known ones, the second the unknown ones:",
            words.distance_commands(record.name),
        )
        return
    _thresholds(record, found, ood)


def _thresholds(record: RunSnapshot, found: Distances, ood: DetectorRecord) -> None:
    known, threshold = found.score[found.is_known], ood.threshold
    share = _level("Share of known photos to accept", ACCEPTED, state.ACCEPTED, ACCEPTED_FIRST)
    limit = threshold_accepting(known, share)
    by_kind = detect(found, limit, ood.unsure_threshold, by_data=False)
    widgets.sentence(words.threshold_sentence(by_kind[0].accepted, limit, by_kind), "below")
    now = detect(found, threshold, ood.unsure_threshold, by_data=False)
    widgets.sentence(words.threshold_sentence(now[0].accepted, threshold, now, "As served, a limit"), "below")
    with st.container(key="calibration_figure"):
        _draw_accepted(found, limit, ood)
    rows = detect(found, limit, ood.unsure_threshold, by_data=True)
    formats = {"AUROC": "%.3f"}
    table = words.detection_rows(rows, panels.field_sets(record))
    widgets.table(table, "unfamiliar", words.detection_csv(rows, limit), formats=formats)
    if lacking := words.missing_kinds(rows):
        widgets.sentence(lacking, "standing")
    panels.method_note(
        "A single name for an unknown photo is always wrong. AUROC: how often such a photo is farther than a known one "
        "of any data set above (interval: DeLong). The limit of the run was set on the calibrating photos; a limit "
        "chosen on test photos would look better than it is."
    )


def _draw_accepted(found: Distances, limit: float, ood: DetectorRecord) -> None:
    ends = np.quantile(found.score, [0.002, 0.98])
    low, high = min(ends[0], ood.threshold, limit), max(ends[1], ood.threshold, limit)
    grid = np.linspace(low, high, THRESHOLDS_DRAWN)
    kinds = [KNOWN, *(kind for kind in words.KINDS if kind != KNOWN and (found.kind == kind).any())]
    curves = [
        Curve(
            f"{words.KINDS[kind]} (n = {(found.kind == kind).sum():,})",
            grid,
            accepted_curve(found.score[found.kind == kind], grid),
        )
        for kind in kinds
    ]
    marks = [Mark("limit of the run", ood.threshold)]
    if ood.unsure_threshold is not None:
        marks.append(Mark("single names up to", ood.unsure_threshold))
    detector = words.DETECTORS.get(ood.method, ood.method)
    figure = accepted_by_threshold(curves, limit, marks, detector, theme.palette(st.context.theme.type))
    alt = "Share accepted against the threshold, known and unknown photos; the table below has the numbers"
    st.plotly_chart(figure, config=SAVES_PICTURE, key="accepted_by_threshold", alt=alt)


VIEWS = {"reliability": reliability, "sets": sets, "selective": selective, "unfamiliar": rejection}
