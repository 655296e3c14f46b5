"""Texts of the trial view of a batch. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.words import NBSP, counted
from hvit.trials.joining import Joined
from hvit.trials.summary import Mean

HOW = (
    "Give the sheet of your trial: one line a photo, or a line a plot with a pattern. Columns file (or pattern) and "
    "plot are needed; treatment, replicate and date are used where they are there."
)
EXAMPLE = """file;plot;treatment;replicate;date
plot 7/*;7;untreated;1;2026-07-03
IMG_02??.jpg;8;copper;1;2026-07-03"""
ABOUT_INTERVALS = (
    "Incidence: diseased share of the photos whose status is decided, with the Wilson interval of 95 %, which takes "
    "photos as independent; leaves of one plot are alike, so between treatments compare the means of plots and their "
    "t interval. Severity: mean discolored share of the leaf, over photos in a plot, over plots in a treatment, with "
    "the t interval of 95 %. A reviewer's decision and estimate count before those of the model."
)
ABOUT_AUDPC = (
    "AUDPC: area under the disease progress curve by the trapezoid rule, in percent times days, mean of the plots with "
    "its t interval of 95 %. Plots that were photographed on fewer dates than others are left out of it."
)
R_CODE = """trial <- read.csv("{file}", fileEncoding = "UTF-8-BOM")
aggregate(cbind(diseased, severity) ~ treatment + date, trial, mean)"""


def joined(found: Joined, num_lines: int) -> str:
    """Number of photos matched by the sheet, in a sentence."""
    fitting = sum(row is not None for row in found.rows)
    return f"{fitting:,} of {counted(len(found.rows), 'photo')} have their place by {counted(num_lines, 'line')}."


def unmatched(found: Joined) -> list[tuple[str, list[str]]]:
    """Titles and names of photos and lines without a unique match."""
    kinds = [
        (
            "These photos fit lines that differ, and are left out:",
            [f"{name}: lines {', '.join(map(str, lines))}" for name, lines in found.double],
        ),
        ("These photos fit no line, and are left out:", list(found.unmatched)),
        ("These lines fit no photo:", [f"line {row.line}: {row.pattern} (plot {row.plot})" for row in found.empty]),
    ]
    return [(title, names) for title, names in kinds if names]


def row(cells: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a summary for the screen: shares in percent, intervals in one cell."""
    shown = {
        name.capitalize(): cells[name]
        for name in ("treatment", "replicate", "plot", "date", "plots", "photos")
        if name in cells
    }
    shown["Incidence, %"] = _percent(cells["incidence"])
    shown["Incidence: 95 %"] = _between(cells["incidence_low"], cells["incidence_high"])
    if "plot_incidence" in cells:
        shown["Mean of plots, %"] = _percent(cells["plot_incidence"])
        shown["Mean of plots: 95 %"] = _between(cells["plot_incidence_low"], cells["plot_incidence_high"])
    shown["Severity, %"] = _percent(cells["severity"])
    shown["Severity: 95 %"] = _between(cells["severity_low"], cells["severity_high"])
    shown["Unsure, %"] = _percent(cells["unsure"])
    return shown


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _between(low: float | None, high: float | None) -> str:
    """Formats an interval in percent, clipped to 0 and 100: a t interval may exceed them."""
    return "" if low is None or high is None else f"{100 * max(0.0, low):.1f} to {100 * min(1.0, high):.1f}"


def audpc_row(treatment: str, mean: Mean, num_plots: int) -> dict[str, Any]:
    """AUDPC of a treatment, area under the disease progress curve; empty, not 0, where no plot has it."""
    low, high = mean.interval or (None, None)
    return {
        "Treatment": treatment,
        f"AUDPC, %{NBSP}days": None if mean.value is None else round(mean.value, 1),
        "95 %": "" if low is None or high is None else f"{max(0.0, low):.0f} to {high:.0f}",
        "Plots used": mean.n,
        "Plots": num_plots,
    }


def progress_alt(progress: Mapping[str, Sequence[tuple[date, Mean]]]) -> str:
    """Alternative text of the figure."""
    lines = [
        f"{treatment or 'no treatment'}: "
        + ", ".join(f"{day.isoformat()} {100 * mean.value:.0f} %" for day, mean in points if mean.value is not None)
        for treatment, points in progress.items()
    ]
    return "; ".join(lines)
