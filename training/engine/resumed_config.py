"""Compares the configuration of a resumed run with the one it began with."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from hvit.runs import CONFIG, Run, public
from training.config import ConfigError, FinetuneConfig, PretrainConfig, SegmentConfig

# docs/reliability.md lists these for users. Of all others a change would make config.yaml untrue for the steps before.
MAY_CHANGE = frozenset({
    "checkpoint_minutes", "hang_minutes", "log_every", "skip_limit",  # housekeeping, which no weight depends on
    "data.dirs", "data.unlabeled", "data.cache_dir",  # paths of the photos, whose contents are compared by hash
    "batch_size", "accum_steps",  # of a process: the photos of a step, over all of them, are compared instead
    "sharded", "compile", "model.grad_checkpointing",  # how a step is computed, not its result
})  # fmt: skip
BY_NAME = ("init", "distill.teacher", "model.weights")  # runs and files, which may be elsewhere
LISTED = 8


def check_resumed_config(run: Run, config: FinetuneConfig | PretrainConfig | SegmentConfig) -> None:
    """Checks that a run is resumed with the configuration it started with.

    `epochs` may grow for a run that is done. Keys that the run did not know yet count with their defaults.

    Raises:
        ConfigError: a key differs; names each with both values. Or config.yaml of the run cannot be compared.
    """
    recorded = run.config
    if recorded is None:
        raise ConfigError(f"--resume: {run.path} has no {CONFIG} to compare with; copy the run again")
    try:
        before = flat(public(type(config).model_validate(recorded).model_dump(mode="json")))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ConfigError(f"--resume: {where} in {run.path / CONFIG} is not what this program reads") from None
    after = flat(public(config.model_dump(mode="json")))
    differing = [key for key in sorted(before.keys() | after.keys()) if not _alike(key, before, after, run)]
    if differing:
        changes = "; ".join(f"{key} was {before.get(key)} and is now {after.get(key)}" for key in differing[:LISTED])
        more = f"; and {len(differing) - LISTED} more" if len(differing) > LISTED else ""
        hint = " (epochs can grow once a run is done)" if "epochs" in differing else ""
        raise ConfigError(
            f"--resume: {run.path} began with another configuration: {changes}{more}{hint}; go on with that one, or "
            "choose another --run-dir"
        )


def _alike(key: str, before: dict[str, Any], after: dict[str, Any], run: Run) -> bool:
    first, second = before.get(key), after.get(key)
    if first == second or key in MAY_CHANGE:
        return True
    if key in BY_NAME and first and second:
        return _last_parts(first) == _last_parts(second)
    return key == "epochs" and run.status == "done" and second > first


def _last_parts(paths: str | list[str]) -> list[str]:
    return [path.rstrip("/").rpartition("/")[2] for path in ([paths] if isinstance(paths, str) else paths)]


def flat(values: dict, prefix: str = "") -> dict[str, Any]:
    """Flattens nested sections: `{"optim": {"lr": 1}}` -> `{"optim.lr": 1}`; lists are values."""
    return dict(_flat(values, prefix))


def _flat(values: dict, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
