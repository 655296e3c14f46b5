"""Provenance of a run: commit, library versions, and the command without paths of this machine."""

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from hvit.runs.run_info import GitState


def git_state() -> GitState | None:
    """Commit, and whether files were changed since; None outside a repository."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return GitState(commit, bool(changed))


def library_versions() -> dict[str, str]:
    """Versions of Python and of the main libraries, by name."""
    import numpy
    import torch

    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}


def public_argv(argv: list[str]) -> list[str]:
    """The command without the folders of this machine: `-m training.finetune --config training/configs/x.yaml`."""
    program = Path(argv[0])
    module = ["-m", f"training.{program.stem}"] if program.parent.name == "training" else [program.name]
    return module + [public(word) for word in map(str, argv[1:])]


# Inside a longer text, as in --run-dir=/x or data.dirs=['/x']; the slashes of https://... follow a colon.
_ABSOLUTE = re.compile(r"(?<=[\s=,'\"\[({])/[^\s,'\"\])}]+")


def public(value: Any) -> Any:
    """Makes paths relative to the working folder; of paths elsewhere only the name is kept."""
    if isinstance(value, dict):
        return {key: public(item) for key, item in value.items()}
    if isinstance(value, list):
        return [public(item) for item in value]
    if isinstance(value, str):
        if os.path.isabs(value):
            return _relative_path(value)
        return _ABSOLUTE.sub(lambda found: _relative_path(found.group()), value)
    return value


def _relative_path(text: str) -> str:
    path = Path(text)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name
