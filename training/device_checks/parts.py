"""All parts of the device check in execution order: correctness first, then speed."""

import difflib

from training.device_checks.agreement import check_compile, check_precision, check_resident, check_resume, no_compiler
from training.device_checks.collectives import check_collectives
from training.device_checks.machine import check_machine
from training.device_checks.part import Part, Settings
from training.device_checks.speed import speed_parts


def all_parts(settings: Settings) -> list[Part]:
    """All parts for a device; those that do not apply carry the reason they are skipped."""
    slower = 1 if settings.on_gpu else 3
    checks = [
        Part("machine", 40, check_machine),
        Part("nccl", 45 * slower, check_collectives),
        Part("precision", 60 * slower, check_precision),
        Part("resume", 45 * slower, check_resume),
        Part("resident", 45 * slower, check_resident),
    ]
    compiling = Part("compile", 120 * slower, check_compile, no_compiler(settings))
    speeds = speed_parts(settings)
    first = [part for part in speeds if part.group == "steps"]
    return [*checks, *first, compiling, *(part for part in speeds if part not in first)]


def chosen_parts(names: list[str], settings: Settings) -> list[Part]:
    """Selects parts by name or group, in execution order.

    Raises:
        ValueError: there is none of that name; names the nearest.
    """
    parts = all_parts(settings)
    known = list(dict.fromkeys([part.group for part in parts] + [part.name for part in parts]))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"--parts: no part {name!r}; {hint}")
    return [part for part in parts if part.name in names or part.group in names]
