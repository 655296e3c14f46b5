"""Seed groups: runs of one configuration with different seeds, and how configurations differ."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

SEED = "seed"
INIT = "init"
# Settings of running, storing and recording a training, without effect on the result.
HOUSEKEEPING = {"data.cache_dir", "log_every", "checkpoint_minutes", "hang_minutes", "skip_limit"}


class _Absent:
    """Sentinel for a missing setting; None is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Member(Protocol):
    """Fields of a run that decide its seed group."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str | None: ...

    @property
    def seed(self) -> int | None: ...

    @property
    def config(self) -> dict[str, Any] | None: ...


M = TypeVar("M", bound=Member)


@dataclass(frozen=True)
class SeedGroup(Generic[M]):
    """Runs of one configuration.

    Attributes:
        name: common prefix of their names; the name of the run where there is only one.
        members: by seed.
    """

    name: str
    members: tuple[M, ...]

    @property
    def seeds(self) -> list[int | None]:
        """Seeds of the runs, in order."""
        return [member.seed for member in self.members]


def group_by_seed(members: Sequence[M]) -> list[SeedGroup[M]]:
    """Groups runs of equal configuration, sorted by name.

    Runs belong together where kind and configuration are equal but for the seed and `HOUSEKEEPING`. A run that starts
    from another (`init`) of the same seed, `pre-0` for seed 0 and `pre-1` for seed 1, still belongs to its companions.
    A run without a known configuration is a group of its own.
    """
    exact = _buckets((_key(member), (member,)) for member in members)
    # Only runs that would be alone are grouped by the seed in their `init`: else seeds 0, 1 and 2 that all start
    # from `pre-0` would fall apart.
    merged = _buckets((_key(group[0], True) if len(group) == 1 else _key(group[0]), group) for group in exact)
    groups = [sorted(group, key=lambda m: (m.seed is None, m.seed or 0, m.name)) for group in merged]
    names = [_name([member.name for member in group]) for group in groups]
    named = [
        SeedGroup(name if names.count(name) == 1 else ", ".join(m.name for m in group), tuple(group))
        for name, group in zip(names, groups)
    ]
    return sorted(named, key=lambda group: group.name)


def _buckets(keyed: Iterable[tuple[str, tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    buckets: dict[str, tuple[Any, ...]] = {}
    for key, group in keyed:
        buckets[key] = buckets.get(key, ()) + group
    return list(buckets.values())


def _key(member: Member, seed_in_init: bool = False) -> str:
    if member.config is None:
        return f"alone: {member.name}"
    # A setting that is null or false counts as absent: programs that did not know an option yet left it out.
    given = {key: value for key, value in flattened(member.config).items() if value is not None and value is not False}
    settings = {key: value for key, value in given.items() if key != SEED and key not in HOUSEKEEPING}
    init, ending = settings.get(INIT), f"-{member.seed}"
    if seed_in_init and isinstance(init, str) and init.endswith(ending):
        settings[INIT] = init.removesuffix(ending) + "-<seed>"
    return json.dumps([member.kind, settings], sort_keys=True, default=str)


def _name(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return os.path.commonprefix(names).rstrip("-_. ") or ", ".join(names)


def flattened(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens nested sections: `{"optim": {"lr": 1}}` -> `{"optim.lr": 1}`; entries of a list are numbered from 0."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, dict) and value:
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def differences(configs: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings in which configurations differ, with the values of each; `ABSENT` where one is missing."""
    flat = [flattened(config) for config in configs]
    names = dict.fromkeys(name for config in flat for name in config)
    values = {name: [config.get(name, ABSENT) for config in flat] for name in names}
    return {name: row for name, row in values.items() if any(not _alike(value, row[0]) for value in row)}


def _alike(a: Any, b: Any) -> bool:
    """Whether two settings are equal: 1 and 1.0 are, 1 and True are not."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)
