"""Figure of the confusion matrix of one run, by class or by crop."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from hvit.data.classes import crop_of, crop_title, crops, spoken
from hvit.fonts import Labels, figure_labels
from hvit.paper import style
from hvit.paper.drawing import Drawing, interval
from hvit.paper.scores import scores_of
from hvit.paper.sources import cautions, picture_noun, predictions_of, predictions_origin, size_in_words
from hvit.paper.style import LINE_MM, MARGIN_MM, FigureError
from hvit.runs import Run
from hvit.runs.predictions import Predictions
from hvit.scoring.metrics import confusion_matrix, wilson
from hvit.words import capitalized

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP_MM = 1.2  # between text and matrix
HEAD_MM = 7.2  # above the matrix: axis title, and column numbers
FOOT_MM = 10.5  # below it: the scale
HIGHEST_CELL_MM = 7.0
WRITTEN = 0.005  # smaller shares are not written into their cell
SCALE_STEPS = 50
DARK = 0.55  # shares from here on are written in white


@dataclass(frozen=True)
class Table:
    """Counts and labels of a confusion matrix.

    Attributes:
        counts: photos, (K, K): rows are true.
        names: of the rows.
        groups: group of each row, (K,); lines separate the groups.
    """

    counts: np.ndarray
    names: list[str]
    groups: list[str]

    @cached_property
    def labels(self) -> Labels:
        """Row labels in the characters that the fonts of this computer have."""
        return figure_labels(self.names)

    @property
    def columns(self) -> list[str]:
        """Column labels: numbers, to save space."""
        return [str(k + 1) for k in range(len(self.names))]


def by_class(predictions: Predictions) -> Table:
    """Confusion matrix with a row for each class."""
    names = [capitalized(spoken(name)) for name in predictions.classes]
    counts = confusion_matrix(predictions.labels, predictions.predicted, len(names))
    return Table(counts, names, [crop_of(name) for name in predictions.classes])


def by_crop(predictions: Predictions) -> Table:
    """Confusion matrix with a row for each crop: another disease of the same crop counts as correct.

    Raises:
        FigureError: the classes of the run name no crops.
    """
    known = crops(predictions.classes)
    if not known:
        raise FigureError(f"the classes of run {predictions.run} name no crops; draw it by class")
    # Classes of no crop, such as "animal" among crops, are one row more.
    rows = known + [""] * any(not crop_of(name) for name in predictions.classes)
    of_class = np.array([rows.index(crop_of(name)) for name in predictions.classes])
    counts = np.zeros((len(rows), len(rows)), dtype=int)
    np.add.at(counts, (of_class[predictions.labels], of_class[predictions.predicted]), 1)
    return Table(counts, [crop_title(crop) or "No crop" for crop in rows], [""] * len(rows))


def chosen_table(predictions: Predictions, width_mm: float, by: str | None) -> tuple[Table, str | None]:
    """Chooses the matrix that fits the width; also returns the reason if that is not the one by class.

    Args:
        by: "class" or "crop"; None for the classes where they fit, else the crops.
    Raises:
        FigureError: it does not fit; the message says what does.
    """
    table = by_crop(predictions) if by == "crop" else by_class(predictions)
    needed = least_width_mm(table)
    if needed <= width_mm:
        return table, None
    count, kind = len(table.names), "crops" if by == "crop" else "classes"
    trouble = f"{count} {kind} need {needed:.0f} mm at {style.MIN_PT:g} pt, and --width is {width_mm:g}mm"
    if by is None and crops(predictions.classes) and least_width_mm(by_crop(predictions)) <= width_mm:
        return by_crop(predictions), f"{trouble}: drawn by crop"
    raise FigureError(f"{trouble}; give it {np.ceil(needed):.0f}mm" + (" or --by crop" if by == "class" else ""))


def least_width_mm(table: Table) -> float:
    """The smallest width at which all labels are readable."""
    cell = max(LINE_MM, style.text_width_mm(table.columns) + 0.5)
    return _left_mm(table) + len(table.names) * cell + _right_mm(table)


def _left_mm(table: Table) -> float:
    return MARGIN_MM + style.text_width_mm(_row_labels(table)) + GAP_MM


def _right_mm(table: Table) -> float:
    return GAP_MM + style.text_width_mm(_row_counts(table)) + MARGIN_MM


def _row_labels(table: Table) -> list[str]:
    return [k if name == k else f"{name}  {k}" for name, k in zip(table.labels.drawn, table.columns)]


def _row_counts(table: Table) -> list[str]:
    return ["n", *(f"{n:,}" for n in table.counts.sum(1))]


def draw(run: Run, width_mm: float, split: str | None = None, by: str | None = None) -> Drawing:
    """Plots the confusion matrix of top-1 predictions, in percent of each true class.

    Args:
        split: None for the evaluated split.
        by: "class" or "crop"; None for the classes where they fit the width, else the crops.
    Raises:
        FigureError: it does not fit the width.
        RunError: the run has no predictions, or they are damaged.
    """
    predictions = predictions_of(run, split)
    table, reason = chosen_table(predictions, width_mm, by)
    K, left, right = len(table.names), _left_mm(table), _right_mm(table)
    side = width_mm - left - right
    height = K * min(side / K, max(LINE_MM, HIGHEST_CELL_MM))
    with matplotlib.rc_context(style.rules(table.labels.drawn)):
        figure = style.sheet(width_mm, FOOT_MM + height + HEAD_MM)
        axes = style.axes_at(figure, left, FOOT_MM, side, height)
        totals = table.counts.sum(1, keepdims=True)
        shares = np.divide(table.counts, totals, out=np.zeros((K, K)), where=totals > 0)
        _shade(axes, shares, np.arange(K + 1) - 0.5, np.arange(K + 1) - 0.5)
        axes.set(xlim=(-0.5, K - 0.5), ylim=(K - 0.5, -0.5))
        _label(axes, table)
        _rule(axes, table)
        written = _write(axes, shares, side / K)
        _scale(style.axes_at(figure, left, FOOT_MM - 3.6, side, 1.6))
    title = f"Confusion matrix of {predictions.run}, {predictions.split}"
    caption = " ".join([*_caption(predictions, table, written, reason), *cautions(run, predictions)])
    note = "; ".join(filter(None, (reason, table.labels.note))) or None
    return Drawing(title, caption, (predictions_origin(run, predictions.split),), figure, table.labels.drawn, note)


def _shade(axes: "Axes", shares: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> None:
    """Draws cells as rectangles, not as an image; edges of their own color close the gaps between them."""
    axes.pcolormesh(xs, ys, shares, cmap=style.shades(), vmin=0, vmax=1, edgecolors="face", linewidth=0.15)


def _scale(axes: "Axes") -> None:
    steps = np.linspace(0, 1, SCALE_STEPS + 1)
    _shade(axes, (steps[None, :-1] + steps[None, 1:]) / 2, steps, np.array([0.0, 1.0]))
    axes.set_xticks(np.linspace(0, 1, 6), [f"{share:.0f}" for share in np.linspace(0, 100, 6)])
    axes.set_xlabel("Percent of the row", labelpad=1.5)
    axes.set_yticks([])
    axes.xaxis.set_tick_params(length=1.5, pad=1.5)
    _frame(axes, 0.4)


def _frame(axes: "Axes", width_pt: float) -> None:
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(width_pt)


def _label(axes: "Axes", table: Table) -> None:
    K = len(table.names)
    axes.set_yticks(range(K), _row_labels(table))
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(K), table.columns)
    axes.tick_params(length=0, pad=GAP_MM * style.PT_PER_INCH / style.MM_PER_INCH)
    axes.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, pad=1.5)
    axes.set_xlabel("Named as", labelpad=2)
    gap_pt = GAP_MM * style.PT_PER_INCH / style.MM_PER_INCH
    above: Any = {"textcoords": "offset points", "xycoords": "axes fraction", "va": "bottom", "ha": "right"}
    axes.annotate("True", (0, 1), (-gap_pt, 1.5), size=style.TITLE_PT, **above)
    head, *counts = texts = _row_counts(table)
    right_pt = gap_pt + style.text_width_mm(texts) * style.PT_PER_INCH / style.MM_PER_INCH
    axes.annotate(head, (1, 1), (right_pt, 1.5), color=style.QUIET, **above)
    for row, text in enumerate(counts):
        axes.annotate(
            text, (1, row), (right_pt, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            ha="right", va="center_baseline", color=style.QUIET,
        )  # fmt: skip


def _rule(axes: "Axes", table: Table) -> None:
    """Draws the frame, and thin lines between crops."""
    _frame(axes, 0.5)
    ends = [k - 0.5 for k in range(1, len(table.groups)) if table.groups[k] != table.groups[k - 1]]
    for end in ends:
        axes.axhline(end, color=style.INK, linewidth=0.3)
        axes.axvline(end, color=style.INK, linewidth=0.3)


def _write(axes: "Axes", shares: np.ndarray, cell_mm: float) -> bool:
    """Writes percentages into the cells; returns whether they fit."""
    texts = [f"{100 * share:.0f}" for share in shares.flat if share >= WRITTEN]
    # 100 may touch the edges of its cell: neighboring cells are then empty.
    if style.text_width_mm(text for text in texts if text != "100") + 0.4 > cell_mm:
        return False
    for row, column in np.argwhere(shares >= WRITTEN):
        share = shares[row, column]
        color = "white" if share >= DARK else style.INK
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center_baseline", color=color)
    return True


def _caption(predictions: Predictions, table: Table, written: bool, reason: str | None) -> list[str]:
    scores = scores_of(predictions.labels, [predictions.predicted], len(predictions.classes))
    kind, K = ("crops" if len(table.names) < len(predictions.classes) else "classes"), len(table.names)
    parts = [
        f"Confusion matrix of {predictions.run} on {size_in_words(predictions)} of {len(predictions.classes)} classes.",
        f"Rows: true {kind}, with the number n of their {picture_noun(predictions)}; columns: predicted "
        f"{kind}, numbered as the rows.",
        "Shades" + (" and numbers" if written else "") + ": percent of the row"
        + ("; cells under 0.5 % are left empty." if written else "."),
    ]  # fmt: skip
    if table.labels.caption:
        parts.append(table.labels.caption)
    if kind == "crops":
        right, n = int(np.trace(table.counts)), int(table.counts.sum())
        parts.append(
            f"The {len(predictions.classes)} classes are summed up by their {K} crops: another disease of the same "
            f"crop counts as correct here. Accuracy by crop: {interval(right / n, *wilson(right, n))}."
        )
    parts.append(
        f"Top-1 accuracy: {interval(scores.top1, *scores.top1_ci)}; macro-F1: {interval(scores.f1, *scores.f1_ci)}. "
        f"n = {len(predictions):,}; in brackets 95 % intervals ({scores.how})."
    )
    if reason:
        parts.append(f"({capitalized(reason)}.)")
    return parts
