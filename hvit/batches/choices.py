"""Crops and notes chosen for photos of a batch: append-only, the last row of a photo counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hvit.batches.folder import Batch
from hvit.batches.layout import CROPS, NOTES
from hvit.batches.logs import append_rows, read_rows
from hvit.data.classes import select_crop


def now() -> str:
    """Current time as stored in files of a batch: ISO 8601, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def chosen_crops(batch: Batch) -> dict[str, str]:
    """Chosen crop by path of a photo; photos that may be of any crop are absent.

    Raises:
        BatchError: the file is damaged.
    """
    rows = read_rows(batch.path / CROPS, ("time", "path", "crop"))
    last = {row["path"]: row["crop"] for row in rows}
    return {path: crop for path, crop in last.items() if crop}


def choose_crop(batch: Batch, paths: Iterable[str], crop: str | None) -> None:
    """Restricts photos to a crop; None lifts the restriction.

    Raises:
        ValueError: the run knows no such crop.
        BatchError: it cannot be written.
    """
    if crop is not None:
        select_crop(batch.rules.classes, crop)
    time = now()
    rows = [{"time": time, "path": path, "crop": crop or ""} for path in paths]
    append_rows(batch.path / CROPS, ("time", "path", "crop"), rows)


def read_notes(batch: Batch) -> dict[str, str]:
    """Note by path of a photo; photos without one are absent.

    Raises:
        BatchError: the file is damaged.
    """
    rows = read_rows(batch.path / NOTES, ("time", "path", "note"))
    last = {row["path"]: row["note"] for row in rows}
    return {path: note for path, note in last.items() if note}


def write_note(batch: Batch, path: str, note: str) -> None:
    """Stores a note on a photo, replacing the previous one; an empty note removes it.

    Raises:
        BatchError: it cannot be written.
    """
    append_rows(batch.path / NOTES, ("time", "path", "note"), [{"time": now(), "path": path, "note": note}])
