"""Figure of the reliability diagram of one run: accuracy by predicted probability."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from hvit.calibration import softmax
from hvit.paper import style
from hvit.paper.drawing import Drawing, interval
from hvit.paper.sources import cautions, picture_noun, predictions_of, predictions_origin, size_in_words
from hvit.paper.style import FigureError
from hvit.runs import Run
from hvit.runs.predictions import Predictions
from hvit.scoring.metrics import ece, reliability, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT_MM, RIGHT_MM, FOOT_MM, HEAD_MM = 9.5, 2.5, 9.0, 2.0
WIDEST_MM = 88.0  # of the square: wider sheets have no use for it
LEAST_MM = 30.0
SHARE = (-0.02, 1.02)


def draw(run: Run, width_mm: float, split: str | None = None) -> Drawing:
    """Plots accuracy over predicted probability in bins of equal mass, before and after calibration.

    Args:
        split: None for the evaluated split.
    Raises:
        FigureError: there is no room.
        RunError: the run has no predictions, or they are damaged.
    """
    predictions = predictions_of(run, split)
    side = min(width_mm - LEFT_MM - RIGHT_MM, WIDEST_MM)
    if side < LEAST_MM:
        raise FigureError(
            f"a reliability diagram needs {LEAST_MM + LEFT_MM + RIGHT_MM:g}mm, and --width is {width_mm:g}mm"
        )
    rows, before = reliability(predictions.probs, predictions.labels), None
    error = ece(predictions.probs, predictions.labels)
    if predictions.calibrated:
        before = softmax(np.array((run.predictions(predictions.split) or {})["logits"]))
    with matplotlib.rc_context(style.rules()):
        figure = style.sheet(width_mm, FOOT_MM + side + HEAD_MM)
        axes = style.axes_at(figure, LEFT_MM + (width_mm - LEFT_MM - RIGHT_MM - side) / 2, FOOT_MM, side, side)
        axes.plot([0, 1], [0, 1], color=style.QUIET, linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
        if before is not None:
            axes.plot(
                *_points(reliability(before, predictions.labels)), color=style.GREY, marker="s",
                markerfacecolor="white", markeredgewidth=0.8, linestyle=":", zorder=2,
                label=f"before calibration, ECE {_percent(ece(before, predictions.labels))}",
            )  # fmt: skip
        _with_intervals(axes, rows, f"{'calibrated' if predictions.calibrated else 'as it is'}, ECE {_percent(error)}")
        style.percent_axis(axes.xaxis, "Predicted probability, %", SHARE)
        style.percent_axis(axes.yaxis, "Predictions that hold, %", SHARE)
        axes.legend(loc="upper left", borderaxespad=0.2, handlelength=2.2)
    parts = [_caption(predictions, rows, error)]
    if before is not None:
        was = ece(before, predictions.labels)
        parts.append(f"Before temperature scaling (T = {predictions.temperature:.2f}; squares) it is {_percent(was)}.")
    right, n = int(predictions.correct.sum()), len(predictions)
    parts.append(f"Top-1 accuracy: {interval(right / n, *wilson(right, n))}, n = {n:,}.")
    caption = " ".join([*parts, *cautions(run, predictions)])
    origins = (predictions_origin(run, predictions.split),)
    return Drawing(f"Reliability of {run.name}, {predictions.split}", caption, origins, figure)


def _with_intervals(axes: "Axes", rows: list[dict[str, Any]], label: str) -> None:
    x, y = _points(rows)
    ends = np.array([wilson(round(row["n"] * row["accuracy"]), row["n"]) for row in rows])
    looks = style.SERIES[0]
    axes.errorbar(
        x, y, np.abs(ends.T - y), color=looks.color, marker=looks.marker, linestyle=looks.line, elinewidth=0.7,
        capsize=1.5, capthick=0.7, label=label, zorder=3,
    )  # fmt: skip


def _points(rows: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [row["confidence"] for row in rows], [row["accuracy"] for row in rows]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _caption(predictions: Predictions, rows: list[dict[str, Any]], error: float) -> str:
    sizes = sorted({row["n"] for row in rows})
    each = " or ".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))
    what = "calibrated probability" if predictions.calibrated else "probability"
    return (
        f"Reliability of {predictions.run} on {size_in_words(predictions)}. Each point: one of {len(rows)} "
        f"bins of equal numbers of {picture_noun(predictions)} ({each}) by the {what} of the predicted class; bars: "
        f"95 % intervals (Wilson); dashed: perfect calibration. Expected calibration error (ECE): {_percent(error)}."
    )
