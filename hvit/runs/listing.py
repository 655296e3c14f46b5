"""Lists the runs of a folder, and finds one by path or name."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from hvit.runs.layout import (
    CARD,
    CONFIG,
    DEFAULT_RUN,
    INFO,
    MANIFEST,
    METRICS,
    WEIGHTS,
)
from hvit.runs.reader import MAX_NAME, MAX_PATH, Run, RunError
from hvit.untrusted import (
    is_in_utf8,
)

MAX_NEAREST = 3  # runs that a message suggests


@dataclass(frozen=True)
class Trouble:
    """A subfolder of the runs folder that cannot be read as a run.

    Attributes:
        name: of the folder.
        reason: what is wrong, and what to do, in one sentence.
    """

    name: str
    reason: str


def survey(root: Path = Path("runs")) -> tuple[list[Run], list[Trouble]]:
    """Lists the readable runs of a folder, and the other subfolders with the reason they cannot be read; by name.

    Files, and folders whose names begin with a dot, are none of both.
    """
    runs, troubles = [], []
    for folder in sorted(Path(root).iterdir()) if Path(root).is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        if not is_in_utf8(folder.name):
            name = ascii(folder.name)
            troubles.append(Trouble(name, f"{name} has a name that is no text in UTF-8; give the folder another"))
            continue
        try:
            _check_readable(folder)
            runs.append(Run(folder))
        except RunError as error:
            troubles.append(Trouble(folder.name, str(error)))
        except OSError as error:
            troubles.append(Trouble(folder.name, f"{folder.name} cannot be read: {error.strerror}"))
    return runs, troubles


def _check_readable(folder: Path) -> None:
    run = Run(folder)
    if not (folder / INFO).exists():
        if any((folder / name).exists() for name in (CONFIG, METRICS, CARD, WEIGHTS, MANIFEST)):
            raise RunError(f"{run.name} is half-written: it has no {INFO}; copy the run again, or delete the folder")
        raise RunError(f"{run.name} is no run: it has no {INFO}; move the folder elsewhere")
    if run.info.schema_version is None:
        raise RunError(
            f"{run.name} is no run of this program: its {INFO} is of another kind; move the folder elsewhere"
        )
    run.model_card()


def list_runs(root: Path = Path("runs")) -> list[Run]:
    """Lists the readable runs of a folder by name; damaged ones are skipped."""
    return survey(root)[0]


def find_run(name: str | Path = DEFAULT_RUN, root: Path = Path("runs")) -> Run:
    """Finds a run by path, or by name in `root`.

    Raises:
        RunError: there is none; names the nearest.
    """
    asked = shortened(str(name), MAX_PATH)
    if not str(name).strip():
        raise RunError("the name of the run is empty; give a path, or a name that `python -m hvit runs` lists")
    candidates = (Path(name), Path(root) / name)
    for candidate in candidates:
        if os.path.lexists(candidate / INFO):  # False too for names longer than a file system takes
            return Run(candidate)
    if any(map(os.path.isdir, candidates)):
        raise RunError(f"no run {asked}: that folder has no {INFO}, so it is no run; `python -m hvit runs` lists those")
    known = [run.name for run in list_runs(root)]
    near = difflib.get_close_matches(str(name)[:MAX_PATH], known, MAX_NEAREST)
    if near:
        listed = f"{', '.join(near[:-1])} or {near[-1]}" if len(near) > 1 else near[0]
        raise RunError(f"no run {asked}; did you mean {listed}?")
    if known:
        raise RunError(f"no run {asked}; `python -m hvit runs` lists the {len(known)} that are here")
    raise RunError(f"no run {asked}; there are no runs in {root}/")


def shortened(name: str, most: int = MAX_NAME) -> str:
    """Truncates a name for an error message."""
    return name if len(name) <= most else f"{name[:most]}..."
