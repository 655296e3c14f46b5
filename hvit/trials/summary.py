"""Incidence, severity and the area under the disease progress curve, by plot and by treatment."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from hvit.scoring.metrics import wilson
from hvit.trials.observations import DISEASED, UNSURE, Observation

Interval = tuple[float, float]
UNDATED = date.min


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % t interval.

    Attributes:
        value: None of nothing.
        interval: None below two values, and where all are equal: its width would be 0, which claims certainty.
        n: how many values.
    """

    value: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True)
class Summary:
    """Statistics of one plot, treatment or date.

    Attributes:
        photos: that show a leaf.
        unsure: share of them whose status is not decided.
        incidence: diseased share of those decided; None where none is.
        incidence_ci: Wilson interval of 95 %, photos taken as independent.
        severity: mean share of discolored leaf; over photos within a plot, over the means of plots within a treatment.
        plots: how many.
        plot_incidence: mean of the incidences of plots.
    """

    photos: int
    unsure: float
    incidence: float | None
    incidence_ci: Interval | None
    severity: Mean
    plots: int
    plot_incidence: Mean


def mean_of(values: Sequence[float]) -> Mean:
    """Mean of values with its 95 % t interval.

    >>> mean_of([1.0, 3.0]).value, mean_of([]).value
    (2.0, None)
    """
    from scipy.stats import t

    n = len(values)
    if n == 0:
        return Mean(None, None, 0)
    mean = float(np.mean(values))
    if n == 1 or np.ptp(values) == 0:
        return Mean(mean, None, n)
    half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Mean(mean, (mean - half, mean + half), n)


def unit_of(observation: Observation) -> tuple[str, str]:
    """Identifier of a plot: replicate and plot."""
    return observation.replicate, observation.plot


def grouped(
    observations: Sequence[Observation], key: Callable[[Observation], Hashable]
) -> dict[Any, list[Observation]]:
    """Groups observations by a key, in order of first occurrence."""
    groups: dict[Any, list[Observation]] = {}
    for observation in observations:
        groups.setdefault(key(observation), []).append(observation)
    return groups


def summarize(observations: Sequence[Observation]) -> Summary:
    """Summarizes photos of one or several plots.

    Raises:
        ValueError: there are none.
    """
    if not observations:
        raise ValueError("no photos to summarize")
    units = list(grouped(observations, unit_of).values())
    decided = [o for o in observations if o.status != UNSURE]
    diseased = sum(o.status == DISEASED for o in decided)
    if len(units) == 1:
        severity = mean_of([o.severity for o in observations if o.severity is not None])
    else:
        severity = mean_of([value for unit in units if (value := severity_of(unit)) is not None])
    return Summary(
        len(observations),
        1 - len(decided) / len(observations),
        diseased / len(decided) if decided else None,
        wilson(diseased, len(decided)) if decided else None,
        severity,
        len(units),
        mean_of([value for unit in units if (value := incidence_of(unit)) is not None]),
    )


def incidence_of(observations: Sequence[Observation]) -> float | None:
    """Diseased share of the decided photos; None where none is decided."""
    decided = [o.status == DISEASED for o in observations if o.status != UNSURE]
    return sum(decided) / len(decided) if decided else None


def severity_of(observations: Sequence[Observation]) -> float | None:
    """Mean severity of the photos where it was measured; None where it was not."""
    measured = [o.severity for o in observations if o.severity is not None]
    return sum(measured) / len(measured) if measured else None


MEASURES: Mapping[str, Callable[[Sequence[Observation]], float | None]] = {
    "incidence": incidence_of,
    "severity": severity_of,
}


def audpc(days: Sequence[float], percent: Sequence[float]) -> float:
    """Area under the disease progress curve by the trapezoid rule, in percent times days.

    Source: Shaner and Finney 1977 (doi:10.1094/Phyto-67-1051).

    >>> audpc([0, 7, 14], [0, 10, 30])
    175.0

    Args:
        days: rising, two or more.
        percent: incidence or severity, 0 to 100.
    Raises:
        ValueError: there are fewer than two, different numbers of both, or days that do not rise.
    """
    if len(days) != len(percent) or len(days) < 2:
        raise ValueError(f"{len(days)} days and {len(percent)} values; expected the same number, at least 2")
    t, y = np.asarray(days, dtype=float), np.asarray(percent, dtype=float)
    if not (np.diff(t) > 0).all():
        raise ValueError("days must rise; average the observations of one day first")
    return float(((y[1:] + y[:-1]) / 2 * np.diff(t)).sum())


def progress_of(observations: Sequence[Observation], measure: str) -> list[tuple[date, float]]:
    """Incidence or severity of one plot by date, in [0, 1]; dates without a value are left out."""
    dated = grouped([o for o in observations if o.date is not None], lambda o: o.date)
    values = [(day, MEASURES[measure](dated[day])) for day in sorted(dated)]
    return [(day, value) for day, value in values if value is not None]


def audpc_of(observations: Sequence[Observation], measure: str) -> float | None:
    """AUDPC of one plot in percent times days; None below two dates with a value."""
    progress = progress_of(observations, measure)
    if len(progress) < 2:
        return None
    first = progress[0][0]
    return audpc([(day - first).days for day, _ in progress], [100 * value for _, value in progress])


def treatment_audpc(observations: Sequence[Observation], measure: str) -> dict[str, Mean]:
    """Mean AUDPC of the plots of each treatment; plots observed on fewer dates than others are left out.

    A curve that begins later or ends earlier has a smaller area for that reason alone.
    """
    units = grouped(observations, lambda o: (o.treatment, *unit_of(o)))
    most = max((len(progress_of(unit, measure)) for unit in units.values()), default=0)
    found: dict[str, list[float]] = {}
    for (treatment, *_), unit in units.items():
        value = audpc_of(unit, measure)
        own = found.setdefault(treatment, [])
        if value is not None and len(progress_of(unit, measure)) == most:
            own.append(value)
    return {treatment: mean_of(values) for treatment, values in found.items()}


def treatment_progress(observations: Sequence[Observation], measure: str) -> dict[str, list[tuple[date, Mean]]]:
    """Mean over plots of incidence or severity by treatment and date."""
    found: dict[str, list[tuple[date, Mean]]] = {}
    for treatment, own in grouped(observations, lambda o: o.treatment).items():
        dated = grouped([o for o in own if o.date is not None], lambda o: o.date)
        found[treatment] = []
        for day in sorted(dated):
            values = [MEASURES[measure](unit) for unit in grouped(dated[day], unit_of).values()]
            found[treatment].append((day, mean_of([value for value in values if value is not None])))
    return found


def summary_rows(observations: Sequence[Observation], by: str) -> list[dict[str, Any]]:
    """A table with one row a plot or treatment, and one a date where there are several.

    Args:
        by: "plot" or "treatment".
    """
    keys: dict[str, Callable[[Observation], tuple[Any, ...]]] = {
        "plot": lambda o: (o.treatment, o.replicate, o.plot, o.date or UNDATED),
        "treatment": lambda o: (o.treatment, o.date or UNDATED),
    }
    rows = []
    for key, own in sorted(grouped(observations, keys[by]).items()):
        names = ("treatment", "replicate", "plot", "date") if by == "plot" else ("treatment", "date")
        day = None if key[-1] == UNDATED else key[-1].isoformat()
        rows.append(dict(zip(names, key)) | {"date": day} | _cells(summarize(own), by))
    return rows


def _cells(summary: Summary, by: str) -> dict[str, Any]:
    low, high = summary.incidence_ci or (None, None)
    severity_low, severity_high = summary.severity.interval or (None, None)
    cells = {
        "photos": summary.photos,
        "unsure": summary.unsure,
        "incidence": summary.incidence,
        "incidence_low": low,
        "incidence_high": high,
        "severity": summary.severity.value,
        "severity_low": severity_low,
        "severity_high": severity_high,
        "severity_n": summary.severity.n,
    }
    if by == "plot":
        return cells
    plot_low, plot_high = summary.plot_incidence.interval or (None, None)
    return {"plots": summary.plots} | cells | {
        "plot_incidence": summary.plot_incidence.value,
        "plot_incidence_low": plot_low,
        "plot_incidence_high": plot_high,
    }  # fmt: skip
