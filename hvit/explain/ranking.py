"""Which method of a run to believe, from its recorded table of explanations; without torch, so that pages are quick."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        low, high: percentiles of the bootstrap, which draws photos again; the same ones for every method.
        n: photos that have a value.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class MethodScore:
    """What the recorded photos say of a method, or of a control.

    Attributes:
        name: of the method or control.
        is_control: whether its maps know nothing of the model.
        deletion: area below the probability as what it marks is covered, in [0, 1]; low is good.
        insertion: area as what it marks is uncovered, in [0, 1]; high is good.
        margin: insertion - deletion, which ranks. Covering disturbs a picture by itself, and more so in fine squares
            than in large ones, which makes deletion look good for fine maps and insertion for coarse ones. In the
            difference that cancels: a map drawn by chance has 0 on average, whatever its squares.
        margin_by_mean: the same with the mean color as cover; None where it was not measured.
        lead: margin less that of the best control on the same photos; None for a control.
        shares: what lies on the lesion, the healthy leaf and the background, of photos with a lesion; empty without
            known symptoms.
        areas: their own shares of these photos, which an even map has.
        pointing: share of photos whose strongest place is on a lesion; None without known symptoms.
        overlap: of the lesions with the strongest places of as large an area; None without known symptoms.
        twin_strength_95: the strength that 95 of 100 maps of the randomized twin do not exceed; None for a control.
        similarity: rank correlation with the map after weights were drawn anew from the head down to each level.
    """

    name: str
    is_control: bool
    deletion: Mean
    insertion: Mean
    margin: Mean
    margin_by_mean: Mean | None
    lead: Mean | None
    shares: dict[str, Mean]
    areas: dict[str, Mean]
    pointing: Mean | None
    overlap: Mean | None
    twin_strength_95: float | None
    similarity: dict[str, float]

    @property
    def beats_controls(self) -> bool:
        """Whether it is better than every control, by more than the photos leave uncertain."""
        return self.lead is not None and self.lead.low > 0


def best_method(run: Run, split: str = "test") -> str | None:
    """The method with the largest margin; None where nothing is recorded or no method beats the controls.

    Raises:
        RunError: the recorded table is damaged.
    """
    table = run.explanations(split)
    scores = ranking(table) if table is not None else []
    return next((score.name for score in scores if score.beats_controls), None)


def ranking(table: dict[str, list], seed: int = 0) -> list[MethodScore]:
    """Scores of all methods and controls of a table, the largest margin first.

    Args:
        table: from `Run.explanations`.
        seed: of the bootstrap.
    Raises:
        ValueError: a map lacks a photo that others have, so that they cannot be compared.
    """
    columns = {name: np.array(values, dtype=None if name in TEXTS else float) for name, values in table.items()}
    photos = sorted(set(table["path"]))
    draws = np.random.default_rng(seed).multinomial(len(photos), np.full(len(photos), 1 / len(photos)), RESAMPLES)
    maps = {
        (baseline, name): _rows(columns, name, baseline, photos)
        for baseline, name in sorted(set(zip(table["baseline"], table["map"])))
    }
    blurred = {name: rows for (baseline, name), rows in maps.items() if baseline == "blur"}
    margins = {name: columns[INSERTION][rows] - columns[DELETION][rows] for name, rows in blurred.items()}
    controls = [name for name, rows in blurred.items() if columns["is_control"][rows[0]]]
    scores = [
        _score(name, columns, rows, maps.get(("mean", name)), margins, controls, draws)
        for name, rows in blurred.items()
    ]
    return sorted(scores, key=lambda score: -score.margin.value)


TEXTS = ("sample_id", "path", "sha256", "label", "class", "map", "baseline")
DELETION, INSERTION = "deletion_low_is_good", "insertion_high_is_good"


def _rows(columns: dict[str, np.ndarray], name: str, baseline: str, photos: Sequence[str]) -> np.ndarray:
    """Rows of a map with a baseline, in the order of the photos."""
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
    rows_by_mean: np.ndarray | None,
    margins: dict[str, np.ndarray],
    controls: list[str],
    draws: np.ndarray,
) -> MethodScore:
    def mean(column: str) -> Mean | None:
        return _mean(columns[column][rows], draws)

    margin_by_mean = lead = None
    if rows_by_mean is not None:
        margin_by_mean = _mean(columns[INSERTION][rows_by_mean] - columns[DELETION][rows_by_mean], draws)
    if name not in controls and controls:
        lead = _lead(margins[name], np.stack([margins[control] for control in controls]), draws)
    twins = columns["twin_strength"][rows]
    similarity = {column.removeprefix(SIMILARITY): mean(column) for column in columns if column.startswith(SIMILARITY)}
    diseased = columns["lesion_area"][rows] > 0
    shares, areas = (
        {area: _mean(np.where(diseased, columns[f"{area}_{kind}"][rows], np.nan), draws) for area in SHARES}
        for kind in ("share", "area")
    )
    return MethodScore(
        name,
        name in controls,
        mean(DELETION),
        mean(INSERTION),
        _mean(margins[name], draws),
        margin_by_mean,
        lead,
        {area: share for area, share in shares.items() if share is not None},
        {area: share for area, share in areas.items() if share is not None},
        mean("points_at_lesion"),
        mean("lesion_overlap"),
        None if np.isnan(twins).all() else float(np.nanquantile(twins, 0.95)),
        {level: alike.value for level, alike in similarity.items() if alike is not None},
    )


def _mean(values: np.ndarray, draws: np.ndarray) -> Mean | None:
    """The mean over photos that have a value, and its interval; None where none has."""
    known = np.isfinite(values)
    if not known.any():
        return None
    counts = draws @ known
    means = (draws @ np.where(known, values, 0))[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, (0.025, 0.975))
    return Mean(float(values[known].mean()), float(low), float(high), int(known.sum()))


def _lead(margins: np.ndarray, of_controls: np.ndarray, draws: np.ndarray) -> Mean:
    """How far a method is ahead of the best control, which may be another in every draw of photos."""
    ahead = (draws @ margins - (draws @ of_controls.T).max(1)) / len(margins)
    low, high = np.quantile(ahead, (0.025, 0.975))
    return Mean(float(margins.mean() - of_controls.mean(1).max()), float(low), float(high), len(margins))
