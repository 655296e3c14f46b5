"""Recorded predictions under corruptions, `eval/<split>/robustness.parquet`: writing and reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hvit.data.corruptions import CORRUPTIONS
from hvit.runs import Run, RunError
from hvit.runs.layout import ROBUSTNESS, ROBUSTNESS_SCORES, in_split
from hvit.runs.results import parquet_bytes, record_results
from hvit.scoring.recorded_tables import read_split_table
from hvit.untrusted.tables import Kind
from hvit.verdicts import NAMED, UNFAMILIAR, UNSURE

CLEAN = "clean"
SEPARATOR = "\n"  # between the classes of a prediction set: the one letter that no name of a folder or in a CSV holds
COLUMNS: dict[str, Kind] = {
    "sample_id": "text", "path": "text", "sha256": "text", "data": "text", "true_class": "text", "kind": "text",
    "strength": "number", "label": "text", "probability": "number", "verdict": "text", "prediction_set": "text",
}  # fmt: skip
MAX_KINDS, DECIMALS = 64, 3


@dataclass(frozen=True)
class CellPredictions:
    """Predictions on n photos under one corruption at one strength.

    Attributes:
        photos: row number of each in `Robustness`, (n,), rising.
        correct: the most likely class is the true one, (n,) bool.
        probability: of the most likely class, (n,).
        named: accepted with a single class, (n,) bool.
        accepted: not called unfamiliar, (n,) bool.
        covered: the prediction set holds the true class, (n,) bool.
        set_size: classes in it, (n,).
    """

    photos: np.ndarray
    correct: np.ndarray
    probability: np.ndarray
    named: np.ndarray
    accepted: np.ndarray
    covered: np.ndarray
    set_size: np.ndarray

    def __len__(self) -> int:
        return len(self.photos)

    def only(self, photos: np.ndarray) -> CellPredictions:
        """Selects photos by row number."""
        rows = np.isin(self.photos, photos)
        return CellPredictions(*(getattr(self, name)[rows] for name in CellPredictions.__dataclass_fields__))


@dataclass(frozen=True)
class Robustness:
    """Recorded predictions of a run on a split under corruptions.

    Attributes:
        run, split: their names.
        sha256: of the P photos.
        paths: of the photos.
        data: name of the data set of each photo.
        labels: true class of each photo.
        cells: predictions by (kind, strength); ("clean", 0) is always there.
    """

    run: str
    split: str
    sha256: tuple[str, ...]
    paths: tuple[str, ...]
    data: tuple[str, ...]
    labels: tuple[str, ...]
    cells: dict[tuple[str, int], CellPredictions]

    def __len__(self) -> int:
        return len(self.sha256)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Recorded kinds in the order of the table of corruptions, attacks last."""
        known = list(CORRUPTIONS)
        recorded = {kind for kind, _ in self.cells} - {CLEAN}
        return tuple(sorted(recorded, key=lambda kind: (known.index(kind) if kind in known else len(known), kind)))

    @property
    def clean(self) -> CellPredictions:
        """Predictions on the unchanged photos."""
        return self.cells[CLEAN, 0]

    def strengths(self, kind: str) -> list[int]:
        """Recorded strengths of a kind, rising."""
        return sorted(strength for name, strength in self.cells if name == kind)


def record_robustness(run_dir: Path, split: str, rows: Sequence[dict[str, Any]], summary: dict[str, Any]) -> None:
    """Writes robustness.parquet and robustness.json into `eval/<split>/` of a run, and lists them in its manifest.

    Args:
        rows: with the columns of `COLUMNS`; `prediction_set` as a sequence of classes.
    """
    results = {in_split(split, ROBUSTNESS): encoded_rows(rows), in_split(split, ROBUSTNESS_SCORES): summary}
    record_results(run_dir, results)


def encoded_rows(rows: Sequence[dict[str, Any]]) -> bytes:
    """Encodes rows as Parquet; probabilities are rounded to three decimals."""
    import pyarrow as pa

    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["prediction_set"] = [SEPARATOR.join(classes) for classes in columns["prediction_set"]]
    columns["probability"] = np.round(np.array(columns["probability"], dtype=np.float64), DECIMALS).astype(np.float32)
    columns["strength"] = np.array(columns["strength"], dtype=np.int8)
    return parquet_bytes(pa.table(columns))


def read_robustness(run: Run, split: str) -> Robustness | None:
    """Reads the recorded predictions of a run under corruptions; None where there are none.

    Raises:
        RunError: they are damaged.
    """
    again = "make it again with training.stress"
    columns = read_split_table(run, split, ROBUSTNESS, COLUMNS, "answers", again)
    if columns is None:
        return None
    if problem := _problem(columns):
        raise RunError(f"{in_split(split, ROBUSTNESS)} of run {run.name} {problem}; {again}")
    return assembled_rows(run.name, split, columns)


def stress_settings(run: Run, split: str) -> dict[str, Any]:
    """The recorded settings and scores of a measurement of robustness; empty where there are none.

    Raises:
        RunError: the file is damaged.
    """
    document = run.document(in_split(split, ROBUSTNESS_SCORES))
    return document if isinstance(document, dict) else {}


def _problem(columns: dict[str, list[Any]]) -> str | None:
    """Describes the first error in the columns of a table; None without one."""
    if not columns["kind"]:
        return "is empty"
    if len(set(columns["kind"])) > MAX_KINDS:
        return f"holds more than {MAX_KINDS} kinds"
    strength = np.array(columns["strength"], dtype=np.float64)
    if not ((strength >= 0) & (strength <= 100) & (strength == np.rint(strength))).all():
        return "holds strengths that are no whole numbers"
    probability = np.array(columns["probability"], dtype=np.float64)
    if not ((probability >= 0) & (probability <= 1)).all():
        return "holds probabilities outside 0 to 1"
    if unknown := set(columns["verdict"]) - {NAMED, UNSURE, UNFAMILIAR}:
        return f"holds the verdict {sorted(unknown)[0][:40]!r}"
    keys = set(zip(columns["path"], columns["kind"], columns["strength"]))
    if len(keys) < len(columns["kind"]):
        return "holds two rows for one photo, kind and strength"
    return _gap(columns)


def _gap(columns: dict[str, list[Any]]) -> str | None:
    """Describes missing rows: every photo needs a clean row, and one for each corruption and strength."""
    answered: dict[str, dict[int, set[str]]] = {}
    for path, kind, strength in zip(columns["path"], columns["kind"], columns["strength"]):
        answered.setdefault(kind, {}).setdefault(int(strength), set()).add(path)
    photos, clean = set(columns["path"]), answered.pop(CLEAN, {})
    if clean != {0: photos}:
        return "lacks the unchanged version of some photos"
    strengths = {kind: sorted(found) for kind, found in answered.items() if kind in CORRUPTIONS}
    if len({tuple(each) for each in strengths.values()}) > 1:
        return "holds corruptions at different strengths"
    for kind, found in answered.items():
        expected = photos if kind in CORRUPTIONS else next(iter(found.values()))
        if any(each != expected for each in found.values()):
            return f"lacks rows of some photos under {kind[:40]}"
    return None


def assembled_rows(run: str, split: str, columns: dict[str, list[Any]]) -> Robustness:
    """Groups validated columns by kind and strength."""
    first = {path: row for row, path in reversed(list(enumerate(columns["path"])))}
    numbers = {path: number for number, path in enumerate(sorted(first, key=first.__getitem__))}
    photo = np.array([numbers[path] for path in columns["path"]])
    sets = [tuple(text.split(SEPARATOR)) for text in columns["prediction_set"]]
    values = {
        "photos": photo,
        "correct": np.array([a == b for a, b in zip(columns["label"], columns["true_class"])]),
        "probability": np.array(columns["probability"], dtype=np.float64),
        "named": np.array(columns["verdict"]) == NAMED,
        "accepted": np.array(columns["verdict"]) != UNFAMILIAR,
        "covered": np.array([name in classes for name, classes in zip(columns["true_class"], sets)]),
        "set_size": np.array([len(classes) for classes in sets]),
    }
    kinds, strengths = np.array(columns["kind"]), np.array(columns["strength"], dtype=int)
    cells = {}
    for kind, strength in sorted(set(zip(columns["kind"], strengths.tolist()))):
        rows = np.flatnonzero((kinds == kind) & (strengths == strength))
        rows = rows[np.argsort(photo[rows], kind="stable")]
        cells[kind, strength] = CellPredictions(**{name: column[rows] for name, column in values.items()})
    of_photo = [first[path] for path in numbers]
    texts = {name: tuple(columns[name][row] for row in of_photo) for name in ("sha256", "path", "data", "true_class")}
    return Robustness(run, split, texts["sha256"], texts["path"], texts["data"], texts["true_class"], cells)
