"""Style of figures for print: sizes in mm, text of 7 pt or more, series that are distinguishable without color."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hvit.fonts import families_for

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MM_PER_INCH, PT_PER_INCH = 25.4, 72.0
MIN_PT = 7.0  # smallest text size of journals
TITLE_PT = 7.5
LINE_MM = 3.0  # from one line of the smallest text to the next
MARGIN_MM = 1.0
LAYOUT_DPI = 600  # at less, text is laid out as if it were wider than it prints
INK, QUIET, GREY, RULE = "#22261f", "#6d6f66", "#8a8d86", "#d9d5c9"


@dataclass(frozen=True)
class Series:
    """Style of one series; all differ in line, marker and lightness."""

    color: str
    line: str | tuple[Any, ...]
    marker: str


SERIES = (
    Series("#14432a", "-", "o"),
    Series("#c08a35", "--", "s"),
    Series("#3f74a8", "-.", "^"),
    Series("#8d2f4f", ":", "D"),
    Series("#8fb79c", (0, (5, 1, 1, 1, 1, 1)), "v"),
    Series("#55585a", (0, (1, 1)), "P"),
)
SHADES = ("#ffffff", "#dceadf", "#a9cdb4", "#6aa37d", "#2f6f49", "#123620")  # from light to dark without a turn


class FigureError(ValueError):
    """A figure that cannot be drawn as requested; the message says what to do."""


def rules(texts: Sequence[str] = ()) -> Any:
    """Matplotlib settings for drawing and saving a figure.

    Args:
        texts: names that the figure shows; fonts that have their letters are added where the usual one lacks them.
    """
    return {
        "font.family": families_for(texts),
        "font.size": MIN_PT,
        "axes.titlesize": TITLE_PT,
        "axes.labelsize": TITLE_PT,
        "xtick.labelsize": MIN_PT,
        "ytick.labelsize": MIN_PT,
        "legend.fontsize": MIN_PT,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.linewidth": 0.5,
        "xtick.major.width": 0.5,
        "ytick.major.width": 0.5,
        "xtick.major.size": 2.0,
        "ytick.major.size": 2.0,
        "xtick.major.pad": 2.0,
        "ytick.major.pad": 2.0,
        "axes.labelpad": 2.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.0,
        "lines.markersize": 3.2,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # TrueType: text that stays editable; by default it becomes outlines
        "svg.fonttype": "path",
        "svg.hashsalt": "hvit",
    }


def sheet(width_mm: float, height_mm: float) -> "Figure":
    """Creates an empty figure of a size in mm."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=LAYOUT_DPI)
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: "Figure", left: float, bottom: float, width: float, height: float) -> "Axes":
    """Axes placed in mm from the lower left corner."""
    sheet_w, sheet_h = (MM_PER_INCH * side for side in figure.get_size_inches())
    return figure.add_axes((left / sheet_w, bottom / sheet_h, width / sheet_w, height / sheet_h))


def text_width_mm(texts: Iterable[str], size_pt: float = MIN_PT) -> float:
    """Width of the widest text."""
    texts = list(texts)
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=families_for(texts))
    widths = [TextPath((0, 0), text, size=size_pt, prop=font).get_extents().width for text in texts if text.strip()]
    return max(widths, default=0.0) / PT_PER_INCH * MM_PER_INCH


def shades() -> "Colormap":
    """Color map from white to deep green, monotonic in lightness."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("leaf", SHADES)


def percent_axis(axis: "XAxis | YAxis", title: str, limits: tuple[float, float], count: int = 5) -> None:
    """Ticks in whole percent of shares in [0, 1]."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    axis.axes.set(**{f"{axis.axis_name}lim": limits, f"{axis.axis_name}label": title})


def series(index: int, names: Sequence[str]) -> Series:
    """Style of series number `index`.

    Raises:
        FigureError: there are more names than styles that are distinguishable in grey.
    """
    if len(names) > len(SERIES):
        raise FigureError(
            f"{len(SERIES)} series are distinguishable in grey, not {len(names)}; name fewer runs: {', '.join(names)}"
        )
    return SERIES[index]
