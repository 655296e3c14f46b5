"""Figure of learning curves: mean and range over the seeds of each configuration."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib

from hvit.fonts import figure_labels
from hvit.paper import style
from hvit.paper.drawing import Drawing
from hvit.paper.sources import Group, origin
from hvit.paper.style import FigureError
from hvit.runs import METRICS, Run
from hvit.scoring.learning_curves import Band, band, curve, logged
from hvit.words import PLANTS_UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT_MM, RIGHT_MM, FOOT_MM, HEAD_MM = 10.5, 2.5, 9.0, 1.5
GOLDEN = 0.62
SPLITS = ("val", "holdout", "train")  # where a metric is looked for, in this order
SHARES = {"top1": "Top-1", "macro_f1": "Macro-F1", "knn_top1": "Nearest neighbors, top-1", "probe_top1": "Probe, top-1"}
OTHERS = {"loss": "Loss", "nll": "Negative log-likelihood, nats", "lr": "Learning rate", "grad_norm": "Gradient norm"}
SPLIT_WORDS = {
    "val": "the selecting half of validation",
    "holdout": "the training photos held out",
    "train": "training",
}
MOST_MARKS = 8
HANDLE_EM = 3.2  # length of the lines in the legend, in sizes of its text


@dataclass(frozen=True)
class MetricCurves:
    """One metric of a group of runs over epochs, and the split it was measured on."""

    band: Band
    split: str


def draw(groups: Sequence[Group], width_mm: float, metric: str | None = None) -> Drawing:
    """Plots one curve for each group of runs.

    Args:
        metric: name in `metrics.jsonl`; None for the metric that selected the weights of the first run, else the loss.
    Raises:
        FigureError: a run did not record it, or there are more groups than styles.
        RunError: a record of a run is damaged.
    """
    if width_mm < 45:
        raise FigureError(f"learning curves need 45 mm, and --width is {width_mm:g}mm")
    metric = metric or usual_metric(groups[0].runs[0])
    curves = [curve_of(group, metric) for group in groups]
    titles = figure_labels([group.title for group in groups])
    names = titles.drawn
    width, columns = width_mm - LEFT_MM - RIGHT_MM, _columns(names, width_mm)
    height, legend = GOLDEN * width, style.LINE_MM * 1.25 * -(-len(names) // columns) if len(names) > 1 else 0.0
    with matplotlib.rc_context(style.rules(names)):
        figure = style.sheet(width_mm, FOOT_MM + height + legend + HEAD_MM)
        axes = style.axes_at(figure, LEFT_MM, FOOT_MM, width, height)
        for i, (name, drawn) in enumerate(zip(names, curves)):
            looks, lines = style.series(i, names), drawn.band
            axes.plot(
                lines.x, lines.mean, color=looks.color, linestyle=looks.line, marker=looks.marker,
                markevery=max(1, len(lines.x) // MOST_MARKS), label=name,
            )  # fmt: skip
            if len(lines.values) > 1:
                axes.fill_between(lines.x, lines.low, lines.high, color=looks.color, alpha=0.18, linewidth=0)
        _axes(axes, curves, metric)
        if len(names) > 1:
            axes.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=HANDLE_EM, borderaxespad=0.3,
                borderpad=0, columnspacing=1.4, labelspacing=0.35, handletextpad=0.6,
            )  # fmt: skip
    origins = tuple(origin(run, METRICS) for group in groups for run in group.runs)
    caption = " ".join(filter(None, (_caption(groups, curves, metric), titles.caption)))
    return Drawing(f"Learning curves of {', '.join(titles.names)}", caption, origins, figure, names, titles.note)


def _columns(names: Sequence[str], width_mm: float) -> int:
    """Number of legend columns that fit above the axes."""
    em_mm = style.MIN_PT / style.PT_PER_INCH * style.MM_PER_INCH
    each = style.text_width_mm(names) + (HANDLE_EM + 0.6 + 1.4) * em_mm
    return max(1, min(len(names), int((width_mm - LEFT_MM - RIGHT_MM) // each)))


def usual_metric(run: Run) -> str:
    """The metric that selected the weights of a run, or the loss."""
    selects = (run.config or {}).get("select_by")
    return selects if selects in recorded(run) else "loss"


def recorded(run: Run) -> set[str]:
    """Names of the metrics in `metrics.jsonl`."""
    return {metric for _, metric in logged(run.metrics())}


def curve_of(group: Group, metric: str) -> MetricCurves:
    """Curve of a metric over the epochs that all runs of a group cover.

    Raises:
        FigureError: a run did not record the metric; names the nearest. Or its runs share no epoch.
    """
    curves, splits = [], set()
    for run in group.runs:
        known = recorded(run)
        if metric not in known:
            near = difflib.get_close_matches(metric, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
            raise FigureError(f"run {run.name} recorded no {metric}; {hint}")
        measured = [split for split, name in logged(run.metrics()) if name == metric]
        split = next((name for name in SPLITS if name in measured), measured[0])
        splits.add(split)
        curves.append(curve(run.metrics(), split, metric, "epoch"))
    found = band(curves)
    if len(splits) > 1 or found is None:
        raise FigureError(f"the runs of {group.title} measured {metric} at other epochs, so they have no mean")
    return MetricCurves(found, splits.pop())


def _axes(axes: "Axes", curves: list[MetricCurves], metric: str) -> None:
    low, high = min(c.band.low.min() for c in curves), max(c.band.high.max() for c in curves)
    margin = 0.05 * (high - low) or 0.01
    if metric in SHARES:
        style.percent_axis(axes.yaxis, f"{SHARES[metric]}, %", (max(0.0, low - margin), min(1.0, high + margin)))
    else:
        axes.set_ylabel(OTHERS[metric] if metric in OTHERS else metric)
        axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("Epoch")
    axes.set_xlim(0, max(curve.band.x[-1] for curve in curves) * 1.01)
    axes.grid(axis="y", color=style.RULE, linewidth=0.4)
    axes.set_axisbelow(True)


def _caption(groups: Sequence[Group], curves: list[MetricCurves], metric: str) -> str:
    name = ({metric: metric} | SHARES | OTHERS)[metric]
    where = ", ".join(dict.fromkeys(SPLIT_WORDS[c.split] if c.split in SPLIT_WORDS else c.split for c in curves))
    parts = [f"{name} over training, on {where}."]
    if any(len(curve.band.values) > 1 for curve in curves):
        parts.append("Lines: mean over seeds; bands: from the least to the greatest seed.")
    description = "; ".join(f"{group.title} {_end(curve, metric)}" for group, curve in zip(groups, curves))
    parts.append(f"At the end: {description}.")
    counts = list(dict.fromkeys(len(group.runs) for group in groups))
    runs = "run" if counts == [1] else "runs"
    parts.append(f"n = {' or '.join(map(str, counts))} {runs}{' a line' if len(groups) > 1 else ''}.")
    if any(run.plants_known is False for group in groups for run in group.runs):
        parts.append(f"{PLANTS_UNKNOWN}.")
    return " ".join(parts)


def _end(curve: MetricCurves, metric: str) -> str:
    last = curve.band.values[:, -1]

    def number(value: float) -> str:
        return f"{100 * value:.1f} %" if metric in SHARES else f"{value:.3g}"

    ends = f" ({number(last.min())} to {number(last.max())})" if len(last) > 1 else ""
    return f"{number(last.mean())}{ends}"
