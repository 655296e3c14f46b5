"""Snapshot of a run: status, records and evaluated splits at one moment, without loading weights."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvit.runs.layout import CONFIG, INFO, PREDICTIONS, SCORES, WEIGHTS, in_split, run_name
from hvit.runs.model_card import ModelCard
from hvit.runs.reader import Run, RunError, training_data_kinds
from hvit.runs.run_info import RunInfo, status_of
from hvit.untrusted import is_in_utf8

MAX_SPLITS = 100  # of a run


@dataclass(frozen=True)
class RecordedParts:
    """`run.json`, the resolved configuration and `model.json`.

    Attributes:
        config: None where it is missing or damaged.
        card: None where there is none yet.
        problem: why the configuration cannot be read, in one sentence; None where it can.
    """

    info: RunInfo
    config: dict[str, Any] | None
    card: ModelCard | None
    problem: str | None


@dataclass(frozen=True)
class RunSnapshot:
    """State of a run directory at one moment.

    Attributes:
        path: its folder.
        status: running, done, failed, preempted, stopped (running, but without a heartbeat) or unknown.
        info: `run.json`.
        config: the resolved configuration; None where it is missing or damaged.
        card: `model.json`; None where there is none yet.
        splits: with recorded predictions: test, cv, then others by name.
        scored: splits with recorded scores, in the same order.
        has_weights: whether `model.safetensors` is in this copy.
        problem: the damaged part of the run, in one sentence; None without any.
    """

    name: str
    path: Path
    status: str
    info: RunInfo
    config: dict[str, Any] | None
    card: ModelCard | None
    splits: tuple[str, ...]
    scored: tuple[str, ...]
    has_weights: bool
    problem: str | None

    @property
    def kind(self) -> str | None:
        return self.info.kind

    @property
    def seed(self) -> int | None:
        return self.info.seed

    @property
    def summary(self) -> Mapping[str, Any]:
        return self.info.summary

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the model; empty where the run knows none."""
        return () if self.card is None else self.card.classes

    @property
    def plants_known(self) -> bool | None:
        """Whether photos were held out plant by plant; None where the run does not say."""
        return self.info.plants_known

    @property
    def learned_from(self) -> frozenset[str]:
        """See `hvit.runs.Run.learned_from`; empty where the configuration is damaged."""
        return training_data_kinds(self.config)

    @property
    def can_predict(self) -> bool:
        """Whether weights are here, and classes to predict: a run pre-trained without labels has none."""
        return self.has_weights and bool(self.classes)


def read_parts(run: Run) -> RecordedParts:
    """Reads the small documents of a run.

    Raises:
        RunError: `run.json` or `model.json` is missing or damaged.
    """
    config, problem = None, None
    try:
        config = run.config
    except RunError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{CONFIG} of run {run.name} cannot be read: {error.strerror}"
    return RecordedParts(run.info, config, run.model_card(), problem)


def take_snapshot(path: Path, parts: RecordedParts) -> RunSnapshot:
    """Takes a snapshot of the run in a folder.

    Args:
        parts: from `read_parts`, which a caller may cache; status and splits are always looked up.
    """
    return RunSnapshot(
        run_name(path),
        path,
        status_of(parts.info),
        parts.info,
        parts.config,
        parts.card,
        _recorded_splits(path, PREDICTIONS),
        _recorded_splits(path, SCORES),
        os.path.exists(path / WEIGHTS),
        parts.problem,
    )


def _recorded_splits(path: Path, file: str) -> tuple[str, ...]:
    names = {found.parent.name for found in itertools.islice(path.glob(in_split("*", file)), MAX_SPLITS)}
    names = {name for name in names if is_in_utf8(name)}
    return tuple(sorted(names, key=lambda name: (name != "test", name != "cv", name)))


def parent_of(run: Run) -> Run | None:
    """The run that a run was initialized from (`parent` of `run.json`), where it lies in the same folder."""
    name = run.info.parent
    if name is None or Path(name).name != name or not os.path.lexists(run.path.parent / name / INFO):
        return None
    return Run(run.path.parent / name)
