"""Scores of a batch: one row a photo in Parquet parts, each written whole or not at all."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hvit.batches.folder import Batch, BatchError
from hvit.batches.layout import SCORES
from hvit.batches.logs import write_errors
from hvit.files import write_bytes
from hvit.untrusted import UntrustedFileError, read_parquet
from hvit.untrusted.tables import Kind

if TYPE_CHECKING:  # imports torch, which pages do not wait for
    from hvit.diagnosis import Diagnosis

SEVERITY = ("lesion_fraction", "low", "high", "leaf_fraction", "lesions", "least_measurable")
COLUMNS: dict[str, Kind] = {
    "path": "text",
    "sha256": "text",
    "error": "text",
    "logits": "numbers",
    "ood_score": "number",
    "flags": "text",
    **dict.fromkeys(SEVERITY, "number"),
    "severity_reason": "text",
}
ATTEMPTS = 5  # at a list of parts that another process merges meanwhile


def score_row(path: str, diagnosis: Diagnosis) -> dict[str, Any]:
    """Row of one photo, from its diagnosis over all crops.

    Args:
        path: of the photo, below the batch.
    """
    severity = diagnosis.severity
    return {
        "path": path,
        "sha256": diagnosis.sha256,
        "error": diagnosis.error,
        "logits": [] if diagnosis.logits is None else diagnosis.logits.astype(np.float32),
        "ood_score": diagnosis.ood_score,
        "flags": ";".join(diagnosis.flags),
        **{name: None if severity is None else getattr(severity, name) for name in SEVERITY},
        "severity_reason": diagnosis.severity_reason,
    }


def write_part(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows of `score_row` as a new part, atomically and flushed to disk.

    Texts that are absent become empty, numbers NaN.

    Raises:
        BatchError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "number": pa.float64(), "numbers": pa.list_(pa.float32())}
    absent = {"text": "", "number": float("nan"), "numbers": []}
    columns = {
        name: pa.array([absent[kind] if row[name] is None else row[name] for row in rows], types[kind])
        for name, kind in COLUMNS.items()
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    with write_errors(folder):
        write_bytes(folder / SCORES / f"part-{time.time_ns():020d}.parquet", out.getvalue())


@dataclass(frozen=True)
class ScoreTable:
    """The scores of N photos, one row each; of a photo that was scored again, the last.

    Attributes:
        paths, sha256, errors: of the photos; an error is empty where the photo could be read.
        logits: before temperature, (N, K) float32; NaN where the photo could not be read.
        ood_score: out-of-distribution score, (N,); NaN where there is none.
        flags: names of flags of each.
        severity: arrays (N,) by name, fractions of 1; NaN where not measured.
        severity_reason: why the area was not measured; empty where it was, or without a reason.
        damaged: parts that cannot be read, in a sentence each; their photos have no scores.
    """

    paths: tuple[str, ...]
    sha256: tuple[str, ...]
    errors: tuple[str, ...]
    logits: np.ndarray
    ood_score: np.ndarray
    flags: tuple[tuple[str, ...], ...]
    severity: dict[str, np.ndarray]
    severity_reason: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self.paths)


def _table(columns: dict[str, list[Any]], num_classes: int, damaged: Sequence[str]) -> ScoreTable:
    """The table of columns as stored; later rows of a path replace earlier ones."""
    last = {path: row for row, path in enumerate(columns["path"])}
    rows = list(last.values())
    logits = np.full((len(rows), num_classes), np.nan, dtype=np.float32)
    for i, row in enumerate(rows):
        if len(columns["logits"][row]):
            logits[i] = columns["logits"][row]
    text = {name: tuple(columns[name][row] for row in rows) for name in ("sha256", "error", "flags", "severity_reason")}
    numbers = {name: np.array([columns[name][row] for row in rows], float) for name in (*SEVERITY, "ood_score")}
    flags = tuple(tuple(filter(None, flags.split(";"))) for flags in text["flags"])
    ood = numbers.pop("ood_score")
    index = {path: i for i, path in enumerate(last)}
    return ScoreTable(
        tuple(last), text["sha256"], text["error"], logits, ood, flags, numbers, text["severity_reason"],
        tuple(damaged), index,
    )  # fmt: skip


class ScoreReader:
    """Reads the scores of a batch again and again while it is scored: parts that were read once are kept.

    Threads may share it.
    """

    def __init__(self, batch: Batch):
        self._batch = batch
        self._parts: dict[str, dict[str, list[Any]]] = {}
        self._damaged: dict[str, str] = {}
        self._table: ScoreTable | None = None
        self._lock = threading.Lock()

    def read(self) -> ScoreTable:
        """All scores so far.

        Raises:
            BatchError: the folder of scores cannot be opened.
        """
        with self._lock:
            for _ in range(ATTEMPTS):
                try:
                    if self._read_new() or self._table is None:
                        columns = {
                            name: [value for part in sorted(self._parts) for value in self._parts[part][name]]
                            for name in COLUMNS
                        }
                        self._table = _table(columns, len(self._batch.rules.classes), list(self._damaged.values()))
                    return self._table
                except FileNotFoundError:  # merged with others since it was listed
                    continue
            raise BatchError(f"scores of batch {self._batch.name} change while they are read; try again")

    def _read_new(self) -> bool:
        names = _part_names(self._batch.path)
        gone = set(self._parts) - set(names)
        new = [name for name in names if name not in self._parts and name not in self._damaged]
        for name in new:
            try:
                self._parts[name] = _read_part(self._batch, name)
            except UntrustedFileError as error:
                self._damaged[name] = (
                    f"the scores in {name} of batch {self._batch.name} {error}; its photos are scored again"
                )
        for name in gone:
            del self._parts[name]
        return bool(gone or new)


def read_scores(batch: Batch) -> ScoreTable:
    """All scores of a batch so far; see `ScoreReader.read`."""
    return ScoreReader(batch).read()


def _part_names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in (folder / SCORES).iterdir() if path.name.startswith("part-"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BatchError(f"scores of batch {folder.name} cannot be read: {error.strerror}") from None


def _read_part(batch: Batch, name: str) -> dict[str, list[Any]]:
    columns = read_parquet(batch.path / SCORES / name, COLUMNS)
    if missing := [column for column in COLUMNS if column not in columns]:
        raise UntrustedFileError(f"lack the column {missing[0]}")
    if any(len(row) not in (0, len(batch.rules.classes)) for row in columns["logits"]):
        raise UntrustedFileError(f"do not hold a score for each of {len(batch.rules.classes)} classes")
    return columns


def merge_parts(batch: Batch) -> None:
    """Merges all readable parts into one; a crash in between leaves rows twice, of which one is read."""
    names = _part_names(batch.path)
    readable = []
    for name in names:
        try:
            readable.append((name, _read_part(batch, name)))
        except UntrustedFileError:  # kept for whoever wants to repair it
            continue
    if len(readable) < 2:
        return
    rows = _last_rows(part for _, part in readable)
    write_part(batch.path, rows)
    for name, _ in readable:
        (batch.path / SCORES / name).unlink(missing_ok=True)


def _last_rows(parts: Iterable[dict[str, list[Any]]]) -> list[dict[str, Any]]:
    rows = {}
    for part in parts:
        for i, path in enumerate(part["path"]):
            rows[path] = {name: part[name][i] for name in COLUMNS}
    return list(rows.values())
