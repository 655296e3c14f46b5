"""Figure comparing seed groups: top-1 accuracy and macro-F1 of every run, and the interval of their mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from hvit.fonts import figure_labels
from hvit.paper import style
from hvit.paper.drawing import Drawing, interval
from hvit.paper.scores import Scores, scores_of
from hvit.paper.sources import Group, cautions, predictions_of, predictions_origin, size_in_words
from hvit.paper.style import MARGIN_MM, FigureError
from hvit.runs.predictions import Predictions, align_labels, shared_photos

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_MM, FOOT_MM, HEAD_MM, GAP_MM = 5.2, 9.0, 1.5, 3.0
LEAST_PANEL_MM = 20.0


def draw(groups: Sequence[Group], width_mm: float, split: str | None = None) -> Drawing:
    """Plots one row for each seed group: circles are its runs, the diamond is their mean.

    Args:
        split: None for the evaluated split of the first run.
    Raises:
        FigureError: the names leave no room, or the predictions are of different photos.
        RunError: a run has no predictions, or they are damaged.
    """
    runs = [run for group in groups for run in group.runs]
    predictions = [predictions_of(runs[0], split)]
    predictions += [predictions_of(run, predictions[0].split) for run in runs[1:]]
    labels, predicted = same_photos(predictions)
    by_run = dict(zip((run.name for run in runs), predicted))
    num_classes = 1 + max(int(labels.max()), *(int(row.max()) for row in predicted))
    scores = [scores_of(labels, [by_run[run.name] for run in group.runs], num_classes) for group in groups]
    titles = [group.title for group in groups]
    names = figure_labels(titles)
    left = MARGIN_MM + style.text_width_mm(names.drawn) + 2.0
    panel = (width_mm - left - GAP_MM - 2 * MARGIN_MM) / 2
    if panel < LEAST_PANEL_MM:
        needed = left + GAP_MM + 2 * MARGIN_MM + 2 * LEAST_PANEL_MM
        raise FigureError(
            f"the names of the runs need {np.ceil(needed):.0f}mm, and --width is {width_mm:g}mm; give it more, or "
            "shorter names: --labels"
        )
    height = ROW_MM * len(groups)
    with matplotlib.rc_context(style.rules(names.drawn)):
        figure = style.sheet(width_mm, FOOT_MM + height + HEAD_MM)
        for number, (title, key) in enumerate((("Top-1, %", "top1"), ("Macro-F1, %", "f1"))):
            axes = style.axes_at(figure, left + number * (panel + GAP_MM), FOOT_MM, panel, height)
            _panel(axes, scores, key, title)
            axes.set_yticks(range(len(groups)), names.drawn if number == 0 else [])
    notes = dict.fromkeys(caution for run, one in zip(runs, predictions) for caution in cautions(run, one))
    caption = " ".join(
        [
            _caption(titles, scores, size_in_words(predictions[0]), len(predictions[0])),
            *[names.caption] * bool(names.caption),
            *notes,
        ]
    )
    origins = tuple(predictions_origin(run, one.split) for run, one in zip(runs, predictions))
    return Drawing(f"Comparison of {', '.join(titles)}", caption, origins, figure, names.drawn, names.note)


def same_photos(predictions: Sequence[Predictions]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels and predictions of several runs, which must be of the same photos.

    Raises:
        FigureError: they are of different photos, so that scores cannot be compared.
    """
    rows = shared_photos(predictions)
    if any(len(one) != len(rows[0]) for one in predictions):
        counts = ", ".join(f"{one.run} {len(one):,}" for one in predictions)
        raise FigureError(
            f"the runs share {len(rows[0]):,} photos on {predictions[0].split}, evaluated on {counts}: evaluate "
            "all of them on the same data"
        )
    return align_labels(predictions, rows)


def _panel(axes: "Axes", scores: list[Scores], key: str, title: str) -> None:
    looks = style.SERIES[0]
    for row, score in enumerate(scores):
        value, ends = getattr(score, key), getattr(score, f"{key}_ci")
        if len(score.each) > 1:
            each = [pair[key == "f1"] for pair in score.each]
            axes.plot(
                each, [row - 0.28] * len(each), linestyle="none", marker="o", markersize=2.4,
                markerfacecolor="white", markeredgecolor=style.QUIET, markeredgewidth=0.6, zorder=2,
            )  # fmt: skip
        errors = np.abs(np.array([[ends[0]], [ends[1]]]) - value)
        axes.errorbar(
            [value], [row], xerr=errors, color=looks.color, marker="D", markersize=3.4, elinewidth=1.0, capsize=1.8,
            capthick=0.8, zorder=3,
        )  # fmt: skip
    lows, highs = zip(*(getattr(score, f"{key}_ci") for score in scores))
    margin = max(0.01, 0.08 * (max(highs) - min(lows)))
    style.percent_axis(axes.xaxis, title, (max(0.0, min(lows) - margin), min(1.0, max(highs) + margin)), count=5)
    axes.grid(axis="x", color=style.RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_ylim(len(scores) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _caption(titles: list[str], scores: list[Scores], what: str, n: int) -> str:
    several = any(len(score.each) > 1 for score in scores)
    description = "; ".join(
        f"{title}: top-1 {interval(score.top1, *score.top1_ci)}, macro-F1 {interval(score.f1, *score.f1_ci)}"
        for title, score in zip(titles, scores)
    )
    hows = dict.fromkeys((len(score.each) > 1, score.how) for score in scores)
    how = "; ".join(f"{'of several seeds' if seeds else 'of one run'}: {how}" for seeds, how in hows)
    marks = "Diamonds: mean over seeds; circles: single seeds" if several else "Diamonds: one run each"
    return (
        f"Accuracy on the same {what}. {marks}; bars: 95 % intervals ({how}). The axes do not begin at 0. "
        f"{description}. n = {n:,}."
    )
