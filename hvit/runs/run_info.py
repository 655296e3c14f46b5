"""The record of a run, `run.json`: kind, command, status and progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from hvit.runs.fields import check_info

STALE_S = 60
STATUSES = ("running", "done", "failed", "preempted")
LEFT_OUT = ("process", "progress", "exit_status")  # keys that are written only where there is a value


@dataclass(frozen=True)
class GitState:
    """Commit of the code, and whether tracked files were changed since."""

    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Progress:
    """Progress of training at the time `at` (UTC, ISO 8601).

    Attributes:
        step, total_steps: optimizer steps done, and to do in all.
        images_per_s: lately, over all processes; None before it is measured.
        left_s: estimated seconds to the last step; None where that is not known yet.
    """

    step: int | None = None
    total_steps: int | None = None
    images_per_s: float | None = None
    left_s: float | None = None
    at: str | None = None


@dataclass(frozen=True)
class RunInfo:
    """Content of `run.json`; absent fields have their defaults.

    Attributes:
        status: as recorded: running, done, failed or preempted. `status_of` gives the current status.
        heartbeat, started, ended: UTC, ISO 8601.
        kind: pretrain, finetune, baseline or segment.
        parent: name of the run whose weights it started from.
        git: state of the code; None outside a repository.
        argv: the command, without folders of the machine.
        world_size: number of processes.
        device: "cpu" or the name of the accelerator.
        libraries: versions by name.
        data_fingerprint: hash of the training photos.
        plants_known: whether photos were held out plant by plant; None where the run does not say.
        elapsed_s: time of training, over all resumptions.
        process: number of the process that writes the run.
        progress: of the training that is going on.
        exit_status: of the program, where it ended as it meant to.
        summary: metrics by name.
        extra: keys this version does not know, kept as they are.
    """

    schema_version: int | None = None
    status: str | None = None
    heartbeat: str | None = None
    kind: str | None = None
    parent: str | None = None
    seed: int | None = None
    git: GitState | None = None
    argv: tuple[str, ...] = ()
    world_size: int | None = None
    device: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    data_fingerprint: str | None = None
    plants_known: bool | None = None
    started: str | None = None
    ended: str | None = None
    elapsed_s: float | None = None
    process: int | None = None
    progress: Progress | None = None
    exit_status: int | None = None
    tags: tuple[str, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, document: Any) -> RunInfo:
        """Validates and reads the value of the JSON file.

        Raises:
            UntrustedFileError: it is no object, or a value is of another type or out of range.
        """
        values = dict(check_info(document))
        for name, kind in (("git", GitState), ("progress", Progress)):
            if values.get(name) is not None:
                known = {each.name for each in fields(kind)}
                values[name] = kind(**{key: value for key, value in values[name].items() if key in known})
        for name in ("argv", "tags"):
            values[name] = tuple(values.get(name) or ())
        for name in ("libraries", "summary"):
            values[name] = values.get(name) or {}
        known = {each.name for each in fields(cls)} - {"extra"}
        extra = {key: value for key, value in values.items() if key not in known}
        return cls(**{key: value for key, value in values.items() if key in known}, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """Value of the JSON file."""
        document = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        for name in ("git", "progress"):
            document[name] = None if document[name] is None else dict(vars(document[name]))
        document |= {"argv": list(self.argv), "tags": list(self.tags)}
        document |= {"libraries": dict(self.libraries), "summary": dict(self.summary)}
        return {key: value for key, value in document.items() if key not in LEFT_OUT or value is not None} | dict(
            self.extra
        )


@dataclass(frozen=True)
class LiveProgress:
    """Progress of training as of now.

    Attributes:
        step, total_steps: optimizer steps done, and to do in all.
        images_per_s: lately, over all processes; None before it is measured.
        left_s: estimated seconds to the last step; None without a heartbeat, or too early in the run.
        silent_s: seconds since the last heartbeat.
        step_age_s: seconds since the last reported step.
    """

    step: int
    total_steps: int
    images_per_s: float | None
    left_s: float | None
    silent_s: float
    step_age_s: float


def status_of(info: RunInfo) -> str:
    """Current status of a run: as recorded, "stopped" where a running one has no heartbeat, or "unknown"."""
    if info.status == "running" and age_s(info.heartbeat) > STALE_S:
        return "stopped"
    return info.status if info.status in STATUSES else "unknown"


def live_progress(info: RunInfo) -> LiveProgress | None:
    """Progress of a training run, or of one whose heartbeat stopped; None where it ended, or recorded none."""
    progress, status = info.progress, status_of(info)
    if status not in ("running", "stopped") or progress is None:
        return None
    silent_s, step_age_s = age_s(info.heartbeat), age_s(progress.at)
    if progress.step is None or progress.total_steps is None or max(silent_s, step_age_s) == float("inf"):
        return None
    left_s = progress.left_s
    if left_s is not None:
        left_s = None if status == "stopped" else max(0.0, left_s - step_age_s)
    return LiveProgress(progress.step, progress.total_steps, progress.images_per_s, left_s, silent_s, step_age_s)


def age_s(stamp: str | None) -> float:
    """Seconds since a time in ISO 8601; infinity for None."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(stamp or "")).total_seconds()
    except (TypeError, ValueError):
        return float("inf")
