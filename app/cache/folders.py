"""Folders the dashboard reads and writes; environment variables replace those of the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def runs_folder() -> Path:
    """`$HVIT_RUNS`, or `runs` of this project."""
    return _folder("HVIT_RUNS", "runs")


def batches_folder() -> Path:
    """`$HVIT_BATCHES`, or `batches` of this project."""
    return _folder("HVIT_BATCHES", "batches")


def reviews_folder() -> Path:
    """`$HVIT_REVIEWS`, or `reviews` of this project."""
    return _folder("HVIT_REVIEWS", "reviews")


def relative_to_project(path: Path) -> str:
    """A path relative to the folder of the project, for a command to paste."""
    path = path.resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _folder(variable: str, name: str) -> Path:
    return Path(os.environ[variable]) if os.environ.get(variable) else ROOT / name
