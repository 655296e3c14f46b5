"""Figure of the t-SNE map of a run: a dot for each sample, a number for each class, crosses for errors."""

import shlex
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from hvit.data.classes import crop_of, crops, spoken
from hvit.feature_space.feature_map import FeatureMap, read_map
from hvit.fonts import Labels, figure_labels
from hvit.paper import style
from hvit.paper.drawing import Drawing, interval
from hvit.paper.sources import Origin, cautions, origin, picture_noun, predictions_of
from hvit.paper.style import LINE_MM, MARGIN_MM, FigureError
from hvit.runs import Run, RunError
from hvit.runs.layout import FEATURE_MAP, PREDICTIONS, in_split
from hvit.runs.predictions import Predictions
from hvit.scoring.metrics import wilson
from hvit.words import capitalized

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP_MM = 2.0
KEY_MM = 2.6  # from the left of a line of the list to its text
LEAST_MM = 50.0
# Paul Tol's muted scheme, distinguishable for most color vision; in grey by the numbers.
HUES = ("#cc6677", "#332288", "#d1b23f", "#117733", "#62b5e5", "#882255", "#44aa99", "#999933", "#aa4499")
DOT_PT, CROSS_PT, KEY_PT = 1.7, 1.9, 3.0
CORE = 0.6  # of the samples of a class, those nearest to its middle, bear its number
SEPARATIONS = 200  # steps that push numbers apart


def draw(run: Run, width_mm: float, split: str | None = None) -> Drawing:
    """Plots the samples at their t-SNE positions, with the list of classes below.

    Args:
        split: of the map; None for the evaluated split.
    Raises:
        FigureError: there is no room.
        RunError: the run has no map, or a record is damaged.
    """
    found, split = map_of(run, split)
    if width_mm < LEAST_MM:
        raise FigureError(f"a map needs {LEAST_MM:g}mm, and --width is {width_mm:g}mm")
    predictions = {name: predictions_of(run, name) for name in dict.fromkeys(found.splits.tolist())}
    if any(row >= len(predictions[name]) for name, row in zip(found.splits, found.rows)):
        raise RunError(f"the map of run {run.name} does not fit its predictions: make it again with training.embed")
    true, right = _read(found, predictions)
    classes = next(iter(predictions.values())).classes
    shown = [k for k in range(len(classes)) if (true == k).any()]
    names = figure_labels([capitalized(spoken(classes[k])) for k in shown])
    lines = _lines(names)
    side, columns = width_mm - 2 * MARGIN_MM, _columns(lines, width_mm)
    key_mm = LINE_MM * -(-len(shown) // columns)
    height = side + key_mm + GAP_MM + 2 * MARGIN_MM
    with matplotlib.rc_context(style.rules(names.drawn)):
        figure = style.sheet(width_mm, height)
        axes = style.axes_at(figure, MARGIN_MM, key_mm + GAP_MM + MARGIN_MM, side, side)
        colors = _colors(classes)
        _dots(axes, found.coordinates, true, right, colors)
        _numbers(axes, found.coordinates, true, shown, side)
        key = style.axes_at(figure, MARGIN_MM, MARGIN_MM, side, key_mm)
        _key(key, lines, [colors[k] for k in shown], columns, side / columns)
    cautioned = dict.fromkeys(caution for one in predictions.values() for caution in cautions(run, one))
    caption = " ".join(filter(None, [_caption(run, found, predictions, right), names.caption, *cautioned]))
    title, origins = f"Feature space of {run.name}, {split}", (_origin(run, split, predictions),)
    return Drawing(title, caption, origins, figure, names.drawn, names.note)


def map_of(run: Run, split: str | None) -> tuple[FeatureMap, str]:
    """Reads the map of a run; also returns its split.

    Raises:
        RunError: there is none; says how to make it.
    """
    wanted = split or run.evaluated_split or "test"
    path = run.path / in_split(wanted, FEATURE_MAP)
    if not path.exists():
        here = ", ".join(sorted(found.parent.name for found in run.path.glob(in_split("*", FEATURE_MAP))))
        hint = f"it has one on {here}" if here else f"make one: python -m training.embed --run {shlex.quote(run.name)}"
        raise RunError(f"run {run.name} has no map on {wanted}; {hint}")
    return read_map(path), wanted


def _read(found: FeatureMap, predictions: dict[str, Predictions]) -> tuple[np.ndarray, np.ndarray]:
    """Label of each sample, and whether it was predicted correctly, (N,) each."""
    labels = np.array([predictions[name].labels[row] for name, row in zip(found.splits, found.rows)])
    right = np.array([predictions[name].correct[row] for name, row in zip(found.splits, found.rows)])
    return labels, right


def _origin(run: Run, split: str, predictions: dict[str, Predictions]) -> Origin:
    return origin(run, in_split(split, FEATURE_MAP), *(in_split(name, PREDICTIONS) for name in predictions))


def _colors(classes: tuple[str, ...]) -> list[str]:
    """One color for each crop; for each class where classes name no crops, repeated cyclically."""
    known = crops(classes)
    return [HUES[(known.index(crop_of(name)) if crop_of(name) else k) % len(HUES)] for k, name in enumerate(classes)]


def _dots(axes: "Axes", coordinates: np.ndarray, labels: np.ndarray, right: np.ndarray, colors: list[str]) -> None:
    each = np.array(colors)[labels]
    axes.scatter(coordinates[right, 0], coordinates[right, 1], s=DOT_PT**2, c=each[right], linewidths=0, alpha=0.75)
    axes.scatter(
        coordinates[~right, 0], coordinates[~right, 1], s=CROSS_PT**2, c=style.INK, marker="x", linewidths=0.35
    )
    low, high = coordinates.min(0), coordinates.max(0)
    margin = 0.04 * (high - low).max()
    center, half = (low + high) / 2, (high - low).max() / 2 + margin
    axes.set(xlim=center[0] + np.array([-half, half]), ylim=center[1] + np.array([-half, half]), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4, color=style.QUIET)


def _numbers(axes: "Axes", coordinates: np.ndarray, labels: np.ndarray, shown: list[int], side_mm: float) -> None:
    """Writes the number of each class above its samples, moved apart where two would overlap."""
    scale = side_mm / np.ptp(axes.get_xlim())
    places = np.array([_top(coordinates[labels == k]) for k in shown]) + [0, 0.6 * LINE_MM / scale]
    names = [str(shown.index(k) + 1) for k in shown]
    sizes = np.array([(style.text_width_mm([name]) + 0.9, LINE_MM) for name in names])
    places = separate_boxes(places * scale, sizes) / scale
    for name, (x, y) in zip(names, places):
        axes.text(
            x, y, name, ha="center", va="center", weight="bold",
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.65},
        )  # fmt: skip


def _top(own: np.ndarray) -> tuple[float, float]:
    """Upper end of the main cluster of a class, without outliers."""
    middle = np.median(own, axis=0)
    distances = np.linalg.norm(own - middle, axis=1)
    core = own[distances <= np.quantile(distances, CORE)]
    return float(np.median(core[:, 0])), float(core[:, 1].max())


def separate_boxes(centers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Moves box centers (M, 2) apart until boxes of `sizes` (M, 2) hardly overlap."""
    centers = centers.astype(float).copy()
    need = (sizes[:, None] + sizes[None]) / 2
    for _ in range(SEPARATIONS):
        delta = centers[:, None] - centers[None]
        overlap = np.clip(need - np.abs(delta), 0, None)
        overlap[np.arange(len(centers)), np.arange(len(centers))] = 0
        both = (overlap > 0).all(-1)
        if not both.any():
            break
        # The shorter direction; two boxes at the same position are separated by their order.
        along = np.where(overlap[..., :1] <= overlap[..., 1:], [1.0, 0.0], [0.0, 1.0])
        sign = np.where(
            delta != 0, np.sign(delta), np.sign(np.subtract.outer(*[np.arange(len(centers))] * 2))[..., None]
        )
        centers += (0.5 * overlap * along * sign * both[..., None]).sum(1)
    return centers


def _columns(lines: list[str], width_mm: float) -> int:
    each = KEY_MM + style.text_width_mm(lines) + 1.0
    columns = int((width_mm - 2 * MARGIN_MM) // each)
    if columns < 1:
        raise FigureError(f"the names of the classes need {np.ceil(each):.0f}mm, and --width is {width_mm:g}mm")
    return min(columns, len(lines))


def _lines(names: Labels) -> list[str]:
    """Legend entries: numbers and names of the classes; the number alone where no font has the name's characters."""
    return [f"{k}  {name}" if name != str(k) else name for k, name in enumerate(names.drawn, 1)]


def _key(axes: "Axes", lines: list[str], colors: list[str], columns: int, width_mm: float) -> None:
    """Draws the legend in columns of `width_mm`."""
    rows = -(-len(lines) // columns)
    axes.set(xlim=(0, columns * width_mm), ylim=(rows, 0))
    axes.axis("off")
    for number, (color, line) in enumerate(zip(colors, lines)):
        column, row = divmod(number, rows)
        x, y = column * width_mm, row + 0.5
        axes.plot(x + 1.0, y, marker="o", markersize=KEY_PT, color=color, linestyle="none")
        axes.text(x + KEY_MM, y, line, va="center_baseline")


def _caption(run: Run, found: FeatureMap, predictions: dict[str, Predictions], right: np.ndarray) -> str:
    n, named, about = len(found), int(right.sum()), found.about
    what = " and ".join(
        f"{(found.splits == name).sum():,} {name} {picture_noun(one)}" for name, one in predictions.items()
    )
    colors = "colors: crops; " if crops(next(iter(predictions.values())).classes) else ""
    parts = [
        f"Feature space of {run.name}: {what}, laid out by t-SNE. Numbers: the classes listed below, each above its "
        f"own; {colors}crosses: misclassified. What is near within a cluster is alike; distances between clusters say "
        "little."
    ]
    if {"perplexity", "seed"} <= set(about):
        parts.append(f"Perplexity {about['perplexity']:g}, seed {about['seed']}.")
    if {"trustworthiness", "accuracy_in_space", "accuracy_on_map"} <= set(about):
        parts.append(
            f"Trustworthiness {about['trustworthiness']:.3f}; nearest neighbors name "
            f"{100 * about['accuracy_in_space']:.1f} % rightly in feature space and "
            f"{100 * about['accuracy_on_map']:.1f} % on the map."
        )
    parts.append(f"The run names {interval(named / n, *wilson(named, n))} rightly (95 % interval, Wilson; n = {n:,}).")
    return " ".join(parts)
