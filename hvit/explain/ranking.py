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
        lead_by_mean: the same with the mean color as cover; None where it was not measured.
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
    lead_by_mean: Mean | None
    shares: dict[str, Mean]
    areas: dict[str, Mean]
    pointing: Mean | None
    overlap: Mean | None
    twin_strength_95: float | None
    similarity: dict[str, float]

    @property
    def beats_controls(self) -> bool:
        """Whether it is better than every control by more than the photos leave uncertain, with each cover it met.

        One cover is not enough: integrated gradients start from the blurred photo and occlusion paints the mean color,
        so that each is at home where the test covers as it does itself.
        """
        leads = [lead for lead in (self.lead, self.lead_by_mean) if lead is not None]
        return bool(leads) and all(lead.low > 0 for lead in leads)


def best_method(run: Run, split: str = "test") -> str | None:
    """`best_of` what a run recorded; None where it recorded nothing.

    Raises:
        RunError: the recorded table is damaged.
    """
    table = run.explanations(split)
    return None if table is None else best_of(ranking(table))


def best_of(scores: list[MethodScore]) -> str | None:
    """The first method of a ranking that beats the controls with both covers, or None."""
    return next((score.name for score in scores if score.beats_controls and score.lead_by_mean is not None), None)


def ranking(table: dict[str, list], seed: int = 0) -> list[MethodScore]:
    """Scores of all methods and controls of a table, the largest margin first.

    Args:
        table: from `Run.explanations`.
        seed: of the bootstrap.
    Raises:
        ValueError: a map lacks a photo that others have, so that they cannot be compared; or the table is not of
            `training.explain`.
    """
    _check_columns(table)
    columns = {name: np.array(values, dtype=None if name in TEXTS else float) for name, values in table.items()}
    photos = sorted(set(table["path"]))
    draws = np.random.default_rng(seed).multinomial(len(photos), np.full(len(photos), 1 / len(photos)), RESAMPLES)
    margins: dict[str, dict[str, np.ndarray]] = {"blur": {}, "mean": {}}
    rows = {}
    for baseline, name in sorted(set(zip(table["baseline"], table["map"]))):
        of_map = _rows(columns, name, baseline, photos)
        margins[baseline][name] = columns[INSERTION][of_map] - columns[DELETION][of_map]
        if baseline == "blur":
            rows[name] = of_map
    controls = [name for name, of_map in rows.items() if columns["is_control"][of_map[0]]]
    scores = [_score(name, columns, of_map, margins, controls, draws) for name, of_map in rows.items()]
    return sorted(scores, key=lambda score: -score.margin.value)


def _check_columns(table: dict[str, list]) -> None:
    again = "run training.explain again"
    if missing := [name for name in NEEDED if name not in table]:
        raise ValueError(f"the recorded explanations lack the column {missing[0]}; {again}")
    for name in KEYS:
        if not all(isinstance(value, str) for value in table[name]):
            raise ValueError(f"the column {name} of the recorded explanations holds other values than text; {again}")
    if not table["path"] or not set(table["baseline"]) <= {"blur", "mean"}:
        raise ValueError(f"the recorded explanations are empty or of another cover than blur and mean; {again}")


TEXTS = ("sample_id", "path", "sha256", "label", "class", "map", "baseline")
DELETION, INSERTION = "deletion_low_is_good", "insertion_high_is_good"
KEYS = ("path", "map", "baseline")
NEEDED = (
    *KEYS, "is_control", DELETION, INSERTION, "twin_strength", "lesion_area", "points_at_lesion", "lesion_overlap",
    *(f"{area}_{kind}" for area in SHARES for kind in ("share", "area")),
)  # fmt: skip


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
    margins: dict[str, dict[str, np.ndarray]],
    controls: list[str],
    draws: np.ndarray,
) -> MethodScore:
    def mean(column: str) -> Mean | None:
        return _mean(columns[column][rows], draws)

    by_cover = {
        baseline: (_mean(of_maps[name], draws), None if name in controls else _lead(name, of_maps, controls, draws))
        for baseline, of_maps in margins.items()
        if name in of_maps
    }
    margin, lead = by_cover["blur"]
    margin_by_mean, lead_by_mean = by_cover.get("mean", (None, None))
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
        margin,
        margin_by_mean,
        lead,
        lead_by_mean,
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


def _lead(name: str, margins: dict[str, np.ndarray], controls: list[str], draws: np.ndarray) -> Mean | None:
    """How far a method is ahead of the best control, which may be another in every draw of photos."""
    of_controls = [margins[control] for control in controls if control in margins]
    if not of_controls:
        return None
    own, best = margins[name], np.stack(of_controls)
    ahead = (draws @ own - (draws @ best.T).max(1)) / len(own)
    low, high = np.quantile(ahead, (0.025, 0.975))
    return Mean(float(own.mean() - best.mean(1).max()), float(low), float(high), len(own))
