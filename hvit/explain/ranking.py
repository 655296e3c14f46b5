"""Ranking of attribution methods by faithfulness, from the recorded table of a run. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvit.runs import Run

RESAMPLES = 2000
SHARES = ("lesion", "healthy_leaf", "background")
SIMILARITY = "similarity_"


@dataclass(frozen=True)
class Mean:
    """A mean over photos with its 95 % interval.

    Attributes:
        value: the mean.
        low, high: percentile bootstrap over photos, with the same resamples for every method.
        n: number of photos that have a value.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class MethodScore:
    """Scores of an attribution method, or of a control map, on the recorded photos.

    Attributes:
        name: of the method or control.
        is_control: whether its maps do not depend on the model, see `hvit.explain.controls`.
        deletion: area under the deletion curve, in [0, 1]; low is good.
        insertion: area under the insertion curve, in [0, 1]; high is good.
        margin: insertion - deletion, by which methods are ranked. Masking by itself disturbs an image, in fine cells
            more than in coarse ones, which favors fine maps in deletion and coarse maps in insertion. This cancels in
            the difference: a random map has an expected margin of 0, whatever its cells.
        margin_mean_baseline: the margin with the mean color as baseline; None where it was not measured.
        lead: margin minus that of the best control on the same photos; None for a control.
        lead_mean_baseline: the lead with the mean color as baseline; None where it was not measured.
        shares: share of the positive attribution on lesions, healthy leaf and background, of photos with a lesion;
            empty without lesion masks.
        areas: share of the pixels in these regions, which is the share of a uniform map.
        pointing: hit rate of the pointing game; None without lesion masks.
        overlap: intersection over union with the lesions; None without lesion masks.
        randomized_peak_95: 95th percentile of the peak attribution of the randomized model; None for a control.
        similarity: rank correlation with the original map in cascading randomization, by level.
    """

    name: str
    is_control: bool
    deletion: Mean
    insertion: Mean
    margin: Mean
    margin_mean_baseline: Mean | None
    lead: Mean | None
    lead_mean_baseline: Mean | None
    shares: dict[str, Mean]
    areas: dict[str, Mean]
    pointing: Mean | None
    overlap: Mean | None
    randomized_peak_95: float | None
    similarity: dict[str, float]

    @property
    def beats_controls(self) -> bool:
        """Whether the lead over the best control is significant (95 % interval above 0) with every measured baseline.

        One baseline is not enough: integrated gradients use the blurred photo as baseline and occlusion the mean color,
        so each is favored by a test with its own baseline.
        """
        leads = [lead for lead in (self.lead, self.lead_mean_baseline) if lead is not None]
        return bool(leads) and all(lead.low > 0 for lead in leads)


def best_method(run: Run, split: str = "test") -> str | None:
    """Best method of a run by its recorded table; None where it has no table or no method beats the controls.

    Raises:
        RunError: the recorded table is damaged.
    """
    table = run.explanations(split)
    return None if table is None else best_of(ranking(table))


def best_of(scores: list[MethodScore]) -> str | None:
    """First method of a ranking that beats the controls with both baselines, or None."""
    return next((score.name for score in scores if score.beats_controls and score.lead_mean_baseline is not None), None)


def ranking(table: dict[str, list[Any]], seed: int = 0) -> list[MethodScore]:
    """Scores all methods and controls of a table, sorted by decreasing margin.

    Args:
        table: from `Run.explanations`.
        seed: of the bootstrap.
    Raises:
        ValueError: the maps are not of the same photos; or the table was not written by `training.explain`.
    """
    _check_columns(table)
    columns = {name: np.array(values, dtype=None if name in TEXTS else float) for name, values in table.items()}
    photos = sorted(set(table["path"]))
    resamples = np.random.default_rng(seed).multinomial(len(photos), np.full(len(photos), 1 / len(photos)), RESAMPLES)
    margins: dict[str, dict[str, np.ndarray]] = {"blur": {}, "mean": {}}
    rows = {}
    for baseline, name in sorted(set(zip(table["baseline"], table["map"]))):
        of_map = _rows(columns, name, baseline, photos)
        margins[baseline][name] = columns[INSERTION][of_map] - columns[DELETION][of_map]
        if baseline == "blur":
            rows[name] = of_map
    controls = [name for name, of_map in rows.items() if columns["is_control"][of_map[0]]]
    scores = [_score(name, columns, of_map, margins, controls, resamples) for name, of_map in rows.items()]
    return sorted(scores, key=lambda score: -score.margin.value)


def _check_columns(table: dict[str, list[Any]]) -> None:
    again = "run training.explain again"
    if missing := [name for name in NEEDED if name not in table]:
        raise ValueError(f"the recorded explanations lack the column {missing[0]}; {again}")
    for name in KEYS:
        if not all(isinstance(value, str) for value in table[name]):
            raise ValueError(f"the column {name} of the recorded explanations holds other values than text; {again}")
    if not table["path"] or not set(table["baseline"]) <= {"blur", "mean"}:
        raise ValueError(f"the recorded explanations are empty or of another baseline than blur and mean; {again}")


TEXTS = ("sample_id", "path", "sha256", "label", "class", "map", "baseline")
DELETION, INSERTION = "deletion_low_is_good", "insertion_high_is_good"
KEYS = ("path", "map", "baseline")
NEEDED = (
    *KEYS, "is_control", DELETION, INSERTION, "twin_strength", "lesion_area", "points_at_lesion", "lesion_overlap",
    *(f"{area}_{kind}" for area in SHARES for kind in ("share", "area")),
)  # fmt: skip


def _rows(columns: dict[str, np.ndarray], name: str, baseline: str, photos: Sequence[str]) -> np.ndarray:
    """Row indices of a map with a baseline, in the order of the photos."""
    rows = np.flatnonzero((columns["map"] == name) & (columns["baseline"] == baseline))
    rows = rows[np.argsort(columns["path"][rows])]
    if list(columns["path"][rows]) != list(photos):
        raise ValueError(
            f"{name} ({baseline}) has {len(rows)} rows for {len(photos)} photos; run training.explain again"
        )
    return rows


def _score(
    name: str,
    columns: dict[str, np.ndarray],
    rows: np.ndarray,
    margins: dict[str, dict[str, np.ndarray]],
    controls: list[str],
    resamples: np.ndarray,
) -> MethodScore:
    def mean(column: str) -> Mean | None:
        return _mean(columns[column][rows], resamples)

    def measured(column: str) -> Mean:
        if (found := mean(column)) is None:
            raise ValueError(f"the recorded explanations of {name} have no {column}; run training.explain again")
        return found

    by_baseline = {
        baseline: (
            _mean(of_maps[name], resamples),
            None if name in controls else _lead(name, of_maps, controls, resamples),
        )
        for baseline, of_maps in margins.items()
        if name in of_maps
    }
    margin, lead = by_baseline["blur"]
    if margin is None:
        raise ValueError(f"the recorded explanations of {name} have no margin; run training.explain again")
    margin_mean_baseline, lead_mean_baseline = by_baseline.get("mean", (None, None))
    randomized_peaks = columns["twin_strength"][rows]
    similarity = {column.removeprefix(SIMILARITY): mean(column) for column in columns if column.startswith(SIMILARITY)}
    diseased = columns["lesion_area"][rows] > 0
    shares, areas = (
        {area: _mean(np.where(diseased, columns[f"{area}_{kind}"][rows], np.nan), resamples) for area in SHARES}
        for kind in ("share", "area")
    )
    return MethodScore(
        name,
        name in controls,
        measured(DELETION),
        measured(INSERTION),
        margin,
        margin_mean_baseline,
        lead,
        lead_mean_baseline,
        {area: share for area, share in shares.items() if share is not None},
        {area: share for area, share in areas.items() if share is not None},
        mean("points_at_lesion"),
        mean("lesion_overlap"),
        None if np.isnan(randomized_peaks).all() else float(np.nanquantile(randomized_peaks, 0.95)),
        {level: alike.value for level, alike in similarity.items() if alike is not None},
    )


def _mean(values: np.ndarray, resamples: np.ndarray) -> Mean | None:
    """Mean over photos that have a value, with its bootstrap interval; None where none has."""
    known = np.isfinite(values)
    if not known.any():
        return None
    counts = resamples @ known
    means = (resamples @ np.where(known, values, 0))[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, (0.025, 0.975))
    return Mean(float(values[known].mean()), float(low), float(high), int(known.sum()))


def _lead(name: str, margins: dict[str, np.ndarray], controls: list[str], resamples: np.ndarray) -> Mean | None:
    """Margin minus that of the best control; the best control is chosen anew in every resample."""
    of_controls = [margins[control] for control in controls if control in margins]
    if not of_controls:
        return None
    own, best = margins[name], np.stack(of_controls)
    lead = (resamples @ own - (resamples @ best.T).max(1)) / len(own)
    low, high = np.quantile(lead, (0.025, 0.975))
    return Mean(float(own.mean() - best.mean(1).max()), float(low), float(high), len(own))
