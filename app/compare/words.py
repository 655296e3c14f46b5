"""Texts of the Compare runs page. Pure functions, no drawing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.words import NBSP, between, counted, joined, rate
from hvit.runs import LiveProgress, RunInfo
from hvit.runs.seed_groups import ABSENT
from hvit.scoring.comparison import Gain
from hvit.words import training_progress

METRICS = {
    "top1": "top-1 accuracy",
    "macro_f1": "macro-F1",
    "nll": "negative log-likelihood, nats",
    "loss": "loss",
    "lr": "learning rate",
    "grad_norm": "norm of the gradient",
    "images_per_s": "pictures a second",
    "knn_top1": "top-1 accuracy of nearest neighbors",
    "probe_top1": "top-1 accuracy of a linear probe",
    "effective_rank": "effective rank of the features",
    "spread": "spread of the features",
}
SPLITS = {"train": "training", "val": "validation", "holdout": "hold-out"}
SHARES = {"top1", "macro_f1", "knn_top1", "probe_top1"}
FIRST_SHOWN = ("val", "macro_f1"), ("val", "top1"), ("holdout", "probe_top1"), ("holdout", "knn_top1")
AXES = {"step": "Step", "epoch": "Epoch", "time_s": "Time"}
AXIS_TITLES = {"step": "optimizer steps", "epoch": "epochs", "time_s": "time of training, min"}
COSTS = {"params": "Parameters", "gmacs": "GMACs", "time": "Time"}
COUNTED = "Parameters and GMACs: counted on the recorded architecture."
NOT_MEASURED = (
    "How long one photo takes was not measured here yet. That takes a few seconds, in which nothing else is answered."
)
MEASURED = (
    "Medians of 10 turns on one thread of this machine; the models compute one after the other in each turn, with "
    "random weights. Another machine, or a busy one, gives other times: trust their ratios more."
)
NOT_RECORDED = "not recorded"
SETTINGS_NOTE = "The seed is left out. Not recorded: the run is older than this setting, or of a kind without it."
OUTCOMES = {
    "only_first_right": "only the first is correct",
    "only_second_right": "only the second is correct",
    "both_wrong_differently": "both wrong, different classes",
    "both_wrong_alike": "both wrong, same class",
}


def metric_title(split: str, metric: str) -> str:
    """Title of a metric: `Validation: macro-F1`; unknown metrics keep their name."""
    words = METRICS.get(metric, metric.replace("_", " "))
    return f"{SPLITS.get(split, split).capitalize()}: {words}"


def first_metric(metrics: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The metric shown by default."""
    return next((metric for metric in FIRST_SHOWN if metric in metrics), metrics[0])


def seeds(numbers: Sequence[int | None]) -> str:
    """`seed 0`, `3 seeds (0, 1, 2)`."""
    known = [str(number) for number in numbers if number is not None]
    if len(numbers) == 1:
        return f"seed {known[0]}" if known else "seed not recorded"
    return f"{len(numbers)} seeds" + (f" ({', '.join(known)})" if known else "")


def state_of_run(
    name: str, status: str, info: RunInfo, now: datetime, last: dict | None, live: LiveProgress | None = None
) -> str:
    """Status of a run in one sentence.

    Args:
        info: `run.json`.
        last: the last row it logged.
        live: how far its training has come, as far as that is known.
    """
    reached = f"epoch {last['epoch']:.1f}, step {last['step']:,}" if _is_placed(last) else "nothing logged yet"
    silent = _ago(info.heartbeat, now)
    if status == "running":
        if live is not None:
            reached = training_progress(live)
        return f"{name} is running: {reached}, last sign of life {silent} ago." if silent else f"{name} is running."
    if status == "stopped":
        tail = f"no sign of life for {silent}" if silent else "no sign of life"
        return f"{name} has stopped without an end: {reached}, {tail}. Go on with --resume."
    if status == "preempted":
        return f"{name} was interrupted: {reached}. Go on with --resume."
    if status == "failed":
        return f"{name} failed: {reached}."
    return f"{name} is done: {reached}." if status == "done" else f"{name}: its status is not known."


def _is_placed(row: dict | None) -> bool:
    return bool(row) and all(isinstance(row.get(key), int | float) for key in ("epoch", "step"))


def _ago(stamp: str | None, now: datetime) -> str | None:
    try:
        seconds = max(0, round((now - datetime.fromisoformat(stamp).astimezone(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None
    if seconds < 120:
        return f"{seconds}{NBSP}s"
    if seconds < 7200:
        return f"{seconds // 60}{NBSP}min"
    return f"{seconds // 3600}{NBSP}h" if seconds < 172800 else f"{seconds // 86400} days"


def setting(value: Any) -> str:
    """A configuration value as a cell; a missing setting is empty."""
    if value is ABSENT:
        return ""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def recorded_setting(value: Any) -> str:
    """`setting`, with a mark for a missing setting: an empty cell would look like an empty value."""
    return NOT_RECORDED if value is ABSENT else setting(value)


def verdict(first: str, second: str, gain: Gain) -> str:
    """Interprets the interval of a gain."""
    if gain.low > 0:
        return f"{second} is better than {first}"
    if gain.high < 0:
        return f"{first} is better than {second}"
    return f"no significant difference between {first} and {second}"


def basis(gain: Gain) -> str:
    """`3 pairs of runs, 1,677 pictures`."""
    return f"{counted(gain.runs, 'pair')} of runs, {counted(gain.photos, 'picture')}"


def few_runs(pairs: Sequence[Gain]) -> str | None:
    """Caveat for one or two seeds."""
    if any(gain.runs == 1 for gain in pairs):
        return (
            "One run of each says nothing of other seeds: the interval is that of these two runs, not of the two "
            "configurations. Three seeds are the least worth reporting."
        )
    return None


def score_note(value: float | None, interval: tuple[float, float] | None) -> str:
    """`47.3 % (44.8 to 49.9 %)`."""
    if value is None:
        return "not recorded"
    return rate(value) + (f" ({between(interval)})" if interval else "")


def suggestion(stem: str, groups: Sequence[str]) -> str:
    """`tenth: leafsim, mae and scratch`."""
    return f"{stem}: {joined([group.removeprefix(stem).lstrip('-_ ') or group for group in groups])}"


def cost_axis(unit: str, sides_px: set[int]) -> str:
    """Axis title of costs, with the image sizes."""
    at = f"at {min(sides_px)} px" if len(sides_px) == 1 else "each at the size it serves"
    return {
        "params": "parameters, millions",
        "gmacs": f"GMACs a picture, {at}",
        "time": f"ms for one photo on this machine, {at}",
    }[unit]


def opened_pictures(run: str) -> str:
    """Which of two runs explains an opened picture, and keeps its label."""
    return f"Opened, a picture is explained by {run}, the first run, and marked in its reviews."
