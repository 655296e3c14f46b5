"""Views of the Compare runs page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import state, theme, widgets
from app.cache import comparisons, costs, records
from app.compare import panels, words
from app.figures.costs import accuracy_by_cost
from app.figures.curves import GroupCurves, learning_curves
from app.figures.gains import gains
from app.figures.shares import shares
from app.gallery import Tile, gallery
from app.words import counted, percent, split_title
from hvit.csv_tables import to_csv
from hvit.runs import RunError
from hvit.runs.predictions import Predictions, align_labels, shared_photos
from hvit.runs.seed_groups import SeedGroup, differences, flattened
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.comparison import OUTCOMES, outcomes
from hvit.scoring.group_comparison import GroupComparisons, GroupPair, GroupScore
from hvit.scoring.learning_curves import Curve, curve, logged
from hvit.words import class_in_text, class_title

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.models.counting import Cost
    from hvit.speed.benchmark import Timing

MODEBAR = {"displaylogo": False, "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]]}
NO_MODEBAR = {"displayModeBar": False}
EVERY_PAIR = "every pair"


def curves(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Learning curves; they grow during training."""
    rows, reasons = _rows(groups)
    for reason in reasons:
        widgets.notice(f"{reason}.")
    metrics = list(dict.fromkeys(metric for logs in rows.values() for metric in logged(logs)))
    if not metrics:
        widgets.sentence("Nothing is logged yet. The first values come after some steps of training.", "below")
        return
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
    split, metric = chosen.split("/", 1)
    series = [
        GroupCurves(
            group.name,
            [_along(rows[record.name], split, metric, axis) for record in group.members if record.name in rows],
            any(record.status == "running" for record in group.members),
        )
        for group in groups
    ]
    without = [group.name for group, drawn in zip(groups, series) if not any(len(c) for c in drawn.curves)]
    figure = learning_curves(
        series,
        smoothing,
        titles[chosen],
        words.AXIS_TITLES[axis],
        each_seed,
        metric in words.SHARES,
        theme.palette(st.context.theme.type),
    )
    st.plotly_chart(figure, key="learning_curves", config=MODEBAR, alt=f"{titles[chosen]} of {len(groups)} groups")
    notes = []
    if not each_seed and any(len(drawn.curves) > 1 for drawn in series):
        notes.append("Line: mean over seeds. Band: from the lowest seed to the highest.")
    if smoothing:
        notes.append("Smoothed by an exponential moving average, each run before the mean.")
    if without:
        notes.append(f"Not logged by {', '.join(without)}.")
    if notes:
        widgets.sentence(" ".join(notes), "standing")


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


def scores(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Scores of the seed groups on the same split, with intervals."""
    split = panels.choose_split(groups)
    each_seed = st.toggle("Each seed", key=state.EACH_SEED, bind="query-params")
    shown = (
        [SeedGroup(record.name, (record,)) for group in groups for record in group.members]
        if each_seed
        else list(groups)
    )
    colors = theme.palette(st.context.theme.type)
    color_of = {record.name: colors.series_color(i) for i, group in enumerate(groups) for record in group.members}
    found = [(group, comparisons.score_of_group(group, split)) for group in shown] if split else []
    if not any(score for _, score in found):
        panels.not_evaluated()
        return
    rows = [color_of[group.members[0].name] for group, _ in found]
    left, right = st.columns(2, gap="large")
    for place, name, title in ((left, "top1", "top-1 accuracy"), (right, "macro_f1", "macro-F1")):
        values = [getattr(score, name) if score else None for _, score in found]
        intervals = [getattr(score, f"{name}_ci") if score else None for _, score in found]
        notes = [words.score_note(value, interval) for value, interval in zip(values, intervals)]
        figure = shares(
            [group.name for group, _ in found], values, intervals, notes, _axis(title, found), rows, False, colors
        )
        alt = "; ".join(f"{group.name}: {note}" for (group, _), note in zip(found, notes))
        place.plotly_chart(figure, key=f"scores_{name}", config=NO_MODEBAR, alt=alt)
    widgets.table(
        [_score_row(group, score) for group, score in found], f"scores-{split}", formats={"NLL, nats": "%.2f"}
    )
    widgets.sentence(
        "Intervals of 95 %: of one run, Wilson for top-1 accuracy and bootstrap over pictures for macro-F1; "
        "of several, bootstrap over runs and pictures. With few seeds it understates what other seeds may bring.",
        "standing",
    )


def _axis(title: str, found: Sequence[tuple[SeedGroup, GroupScore | None]]) -> str:
    sizes = {score.n for _, score in found if score}
    n = f"n = {next(iter(sizes)):,}" if len(sizes) == 1 and None not in sizes else "n differs, see the table"
    return f"{title}, 95 % interval, {n}"


def _score_row(group: SeedGroup[RunSnapshot], score: GroupScore | None) -> dict:
    def interval(pair: tuple[float, float] | None) -> str:
        return f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}" if pair else ""

    def hundredfold(value: float | None) -> float | None:
        return None if value is None else 100 * value

    statuses = sorted({record.status for record in group.members})
    return {
        "Runs": group.name,
        "Status": ", ".join(statuses),
        "Seeds evaluated": f"{len(score.seeds)} of {len(group.members)}" if score else f"0 of {len(group.members)}",
        "Pictures": score.n if score else None,
        "Top-1 accuracy, %": hundredfold(score.top1) if score else None,
        "Top-1 accuracy: 95 %": interval(score.top1_ci) if score else "",
        "Macro-F1, %": hundredfold(score.macro_f1) if score else None,
        "Macro-F1: 95 %": interval(score.macro_f1_ci) if score else "",
        "Calibration error (ECE), %": hundredfold(score.ece) if score else None,
        "NLL, nats": score.nll if score else None,
    }


def verdict(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Paired differences of seed groups, with significance tests."""
    split = panels.choose_split(groups)
    if split is None:
        panels.not_evaluated()
        return
    if len(groups) < 2:
        widgets.sentence("Choose a second set of runs to compare with.", "below")
        return
    options = [EVERY_PAIR, *(group.name for group in groups)]
    state.keep_among(state.AGAINST, options)
    against = st.selectbox("Compared with", options, key=state.AGAINST, bind="query-params", width=320)
    with widgets.progress("Comparing") as progress:
        found = comparisons.verdicts(groups, split, None if against == EVERY_PAIR else against, progress)
    for reason in found.limitations:
        widgets.notice(f"{reason}.")
    if found.pairs:
        _gains(found, split)
        _mcnemar(found)


def _gains(found: GroupComparisons, split: str) -> None:
    st.subheader("Gains on the same pictures")
    colors = theme.palette(st.context.theme.type)
    left, right = st.columns(2, gap="large")
    for place, name, title in ((left, "top1", "top-1 accuracy"), (right, "macro_f1", "macro-F1")):
        results = [getattr(pair, name) for pair in found.pairs]
        figure = gains(
            [f"{pair.first} \u2192 {pair.second}" for pair in found.pairs],
            [gain.gain for gain in results],
            [(gain.low, gain.high) for gain in results],
            f"gain in {title}, 95 % interval, {_bases(found, name)}",
            colors,
        )
        alt = "; ".join(words.verdict(pair.first, pair.second, getattr(pair, name)) for pair in found.pairs)
        place.plotly_chart(figure, key=f"gains_{name}", config=NO_MODEBAR, alt=f"Gains in {title}: {alt}")
    notes = ["Paired bootstrap: runs of equal seed and pictures are drawn again together."]
    notes.append("Grey: no significant difference.")
    notes.append("These intervals are not corrected for how many there are.")
    if text := words.few_runs([pair.top1 for pair in found.pairs]):
        notes.append(text)
    widgets.sentence(" ".join(notes), "standing")
    st.download_button(
        "CSV of the gains",
        lambda: to_csv([_gain_row(pair, name, split) for pair in found.pairs for name in ("top1", "macro_f1")]),
        f"gains-{split}.csv",
        "text/csv",
        on_click="ignore",
    )


def _bases(found: GroupComparisons, name: str) -> str:
    bases = {words.basis(getattr(pair, name)) for pair in found.pairs}
    return bases.pop() if len(bases) == 1 else "runs and pictures differ by pair"


def _gain_row(pair: GroupPair, name: str, split: str) -> dict:
    gain = getattr(pair, name)
    return {
        "first": pair.first,
        "second": pair.second,
        "split": split,
        "metric": name,
        "first_value": gain.first,
        "second_value": gain.second,
        "gain": gain.gain,
        "low": gain.low,
        "high": gain.high,
        "runs": gain.runs,
        "pictures": gain.photos,
    }


def _mcnemar(found: GroupComparisons) -> None:
    st.subheader("Run against run")
    rows = [
        {
            "First run": pair.first,
            "Second run": pair.second,
            "Pictures": pair.photos,
            "Only the first correct": pair.test.only_first,
            "Only the second correct": pair.test.only_second,
            "p": pair.test.p,
            "p, corrected": pair.corrected,
            "Below 0.05": "yes" if pair.corrected < 0.05 else "no",
        }
        for pair in found.run_pairs
    ]
    exported = [
        {
            "first": pair.first,
            "second": pair.second,
            "pictures": pair.photos,
            "only_first_right": pair.test.only_first,
            "only_second_right": pair.test.only_second,
            "p_mcnemar_exact": pair.test.p,
            "p_holm": pair.corrected,
        }
        for pair in found.run_pairs
    ]
    widgets.table(rows, "mcnemar", exported, formats={"p": "%.2g", "p, corrected": "%.2g"})
    widgets.sentence(
        f"Exact McNemar test on the pictures on which only one of two runs is correct, two-sided; corrected for "
        f"{counted(len(rows), 'test')} by Holm. It compares these runs, not the configurations they stand for: "
        "for that look at the gains over several seeds.",
        "standing",
    )


def settings(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Configurations side by side, differing settings only."""
    known = [group for group in groups if group.members[0].config is not None]
    for group in groups:
        if group not in known:
            widgets.notice(f"{group.name} has no configuration that can be read.")
    if not known:
        return
    show_all = st.toggle("All settings", key=state.ALL_SETTINGS, bind="query-params")
    configs = [group.members[0].config | {"kind of run": group.members[0].kind} for group in known]
    names = [group.name for group in known]
    found = differences(configs)
    found.pop("seed", None)
    if show_all:
        flat = [flattened(config) for config in configs]
        found = {
            key: [config.get(key, words.ABSENT) for config in flat] for key in dict.fromkeys(k for c in flat for k in c)
        }
    if not found:
        text = "Choose a second set of runs to compare with." if len(known) < 2 else "They differ in no setting."
        widgets.sentence(text, "below")
        return
    # Settings that all recorded come first: those that one lacks are often younger than the run.
    found = dict(sorted(found.items(), key=lambda item: words.ABSENT in item[1]))
    rows = [
        {"Setting": key} | {name: words.recorded_setting(value) for name, value in zip(names, values)}
        for key, values in found.items()
    ]
    widgets.table(rows, "settings")
    widgets.sentence(words.SETTINGS_NOTE, "standing")


@dataclass(frozen=True)
class _Priced:
    """A seed group with its score, cost and measured latency; None until measured."""

    group: SeedGroup[RunSnapshot]
    score: GroupScore
    cost: Cost
    time: Timing | None
    color: str

    def price(self, unit: str) -> float | None:
        if unit == "time":
            return None if self.time is None else self.time.median_ms
        return self.cost.params / 1e6 if unit == "params" else self.cost.gmacs


def cost(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Accuracy against parameters, multiply-accumulates, or latency measured on request."""
    split = panels.choose_split(groups)
    scores = [comparisons.score_of_group(group, split) for group in groups] if split else []
    if not any(scores):
        panels.not_evaluated()
        return
    unit = widgets.choice("Against", words.COSTS, state.COST)
    priced = _priced(groups, scores)
    if not priced:
        widgets.notice("None of these runs says in its model.json which model it is.")
        return
    prices = [each.price(unit) for each in priced]
    if None not in prices:
        figure = accuracy_by_cost(
            [each.group.name for each in priced],
            prices,
            [each.score.top1 for each in priced],
            [each.score.top1_ci for each in priced],
            [each.color for each in priced],
            words.cost_axis(unit, {each.cost.img_size for each in priced}),
            f"top-1 accuracy, {split_title(split).lower()}",
            theme.palette(st.context.theme.type),
        )
        st.plotly_chart(figure, key="accuracy_by_cost", config=NO_MODEBAR, alt=f"Accuracy against {words.COSTS[unit]}")
    if unit == "time":
        _measure([each.group.members[0] for each in priced], is_measured=None not in prices)
    widgets.table([_cost_row(each) for each in priced], "cost", formats={"One photo, ms": "%.1f"})
    left_out = sorted({group.name for group in groups} - {each.group.name for each in priced})
    widgets.sentence(words.COUNTED + (f" Left out: {', '.join(left_out)}." if left_out else ""), "standing")


def _priced(groups: Sequence[SeedGroup[RunSnapshot]], scores: Sequence[GroupScore | None]) -> list[_Priced]:
    """Evaluated groups with a known model; colors are those of all groups."""
    colors = theme.palette(st.context.theme.type)
    with st.spinner("Counting"):
        found = [costs.cost_of(group.members[0]) for group in groups]
    kept = [(*row, colors.series_color(i)) for i, row in enumerate(zip(groups, scores, found)) if None not in row]
    times = costs.times_of([group.members[0] for group, *_ in kept]) or [None] * len(kept)
    return [_Priced(group, score, cost, time, color) for (group, score, cost, color), time in zip(kept, times)]


def _cost_row(each: _Priced) -> dict:
    row = {
        "Runs": each.group.name,
        "Model": str(each.group.members[0].card.architecture),
        "Parameters, millions": round(each.cost.params / 1e6, 3),
        "GMACs": round(each.cost.gmacs, 4),
        "Side, px": each.cost.img_size,
        "Top-1 accuracy, %": 100 * each.score.top1,
    }
    return row if each.time is None else row | {"One photo, ms": each.time.median_ms}


def _measure(models: Sequence[RunSnapshot], is_measured: bool) -> None:
    """Button that measures latency, and a note on its accuracy."""
    widgets.sentence(words.MEASURED if is_measured else words.NOT_MEASURED, "standing" if is_measured else "below")
    if st.button("Measure again" if is_measured else "Measure", type="tertiary" if is_measured else "secondary"):
        with widgets.progress("Passes") as progress:
            costs.measure(models, progress)
        st.rerun()


def disagreements(groups: Sequence[SeedGroup[RunSnapshot]]) -> None:
    """Images for which two runs differ in their prediction."""
    split = panels.choose_split(groups)
    candidates = [record for group in groups for record, _ in comparisons.evaluated(group, split)] if split else []
    if len(candidates) < 2:
        if candidates:
            widgets.sentence("Choose a second run that was evaluated, to compare with.", "below")
        else:
            panels.not_evaluated()
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
    def prediction_of(which: int, row: int) -> str:
        a = predictions[which]
        name = "correct" if a.correct[row] else class_in_text(a.classes[a.predicted[row]])
        return f"{name}, {percent(float(a.confidence[row]))}"

    tiles = [
        Tile(
            predictions[0].paths[i],
            predictions[0].sha256[i],
            class_title(predictions[0].classes[predictions[0].labels[i]]),
            f"first: {prediction_of(0, i)}; second: {prediction_of(1, j)}",
        )
        for i, j in zip(*rows)
    ]
    gallery(tiles, f"disagree_{outcome}")

    def csv() -> bytes:
        return to_csv(
            [
                {
                    "path": predictions[0].paths[i],
                    "sha256": predictions[0].sha256[i],
                    "true": predictions[0].classes[predictions[0].labels[i]],
                    **{
                        f"{which}_{key}": value
                        for which, a, row in (("first", predictions[0], i), ("second", predictions[1], j))
                        for key, value in (
                            ("run", a.run),
                            ("called", a.classes[a.predicted[row]]),
                            ("probability", float(a.confidence[row])),
                        )
                    },
                }
                for i, j in zip(*rows)
            ]
        )

    st.download_button(
        f"CSV of {counted(len(tiles), 'picture')}",
        csv,
        f"{predictions[0].run}-{predictions[1].run}-{outcome}.csv",
        "text/csv",
        on_click="ignore",
    )


VIEWS = {
    "curves": curves,
    "scores": scores,
    "verdict": verdict,
    "settings": settings,
    "cost": cost,
    "disagreements": disagreements,
}
