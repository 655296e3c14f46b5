"""Recorded predictions of runs as arrays, and the photos that several runs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hvit.calibration import softmax
from hvit.runs import Run, RunError


@dataclass(frozen=True)
class Predictions:
    """Recorded predictions of one run on one split.

    Attributes:
        run, split: their names.
        classes: of the run, in its order; K of them.
        paths: of the photos below the data root, or addresses of rendered leaves; N of them.
        sha256: of the photos.
        labels: number of the true class, (N,).
        probs: (N, K), calibrated where the run was.
        temperature: that the logits were divided by; None where the run is not calibrated.
    """

    run: str
    split: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    sha256: tuple[str, ...]
    labels: np.ndarray
    probs: np.ndarray
    temperature: float | None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def calibrated(self) -> bool:
        """Whether a temperature was fitted."""
        return self.temperature is not None

    @cached_property
    def predicted(self) -> np.ndarray:
        """Number of the most likely class, (N,)."""
        return self.probs.argmax(1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the most likely class is the true one, (N,) bool."""
        return self.predicted == self.labels

    @cached_property
    def confidence(self) -> np.ndarray:
        """Probability of the most likely class, (N,)."""
        return self.probs.max(1)


def read_predictions(run: Run, split: str) -> Predictions | None:
    """Reads the recorded predictions of a run on a split; None where there are none.

    Raises:
        RunError: they are damaged, empty, or do not fit the classes of the run.
    """
    recorded = read_prediction_columns(run, split)
    if recorded is None:
        return None
    card = run.model_card()
    assert card is not None  # the labels were compared with its classes
    classes, temperature = card.classes, card.temperature
    number = {name: k for k, name in enumerate(classes)}
    return Predictions(
        run.name,
        split,
        classes,
        tuple(recorded["path"]),
        tuple(recorded["sha256"]),
        np.array([number[label] for label in recorded["label"]]),
        softmax(np.array(recorded["logits"], dtype=np.float64), 1.0 if temperature is None else temperature),
        temperature,
    )


def read_prediction_columns(
    run: Run, split: str, columns: Sequence[str] = ("path", "sha256", "label", "logits")
) -> dict[str, list[Any]] | None:
    """The recorded predictions of a run on a split as columns, see `Run.predictions`; None where there are none.

    Args:
        columns: required columns. Labels and logits are checked against the classes of the run if logits are among
            them: a run without labels has predictions without.
    Raises:
        RunError: they are damaged, empty, lack a column, or do not fit the classes of the run.
    """
    recorded = run.predictions(split)
    if recorded is None:
        return None
    card = run.model_card()
    classes = () if card is None else card.classes
    where = f"predictions of run {run.name} on {split}"
    if "logits" in columns and not classes:
        raise RunError(f"{where} cannot be read: the run lists no classes in its model.json; copy the run again")
    if missing := [name for name in columns if name not in recorded]:
        raise RunError(f"{where} lack the column {', '.join(missing)}; evaluate again with --save")
    if not recorded[columns[0]]:
        raise RunError(f"{where} are empty; evaluate again with --save")
    if "logits" not in columns:
        return recorded
    if unknown := sorted({str(label) for label in recorded["label"]} - set(classes)):
        raise RunError(f"{where} name the class {unknown[0]}, which the run does not know; evaluate again with --save")
    if any(len(row) != len(classes) for row in recorded["logits"]):
        raise RunError(f"{where} do not hold one score for each of its {len(classes)} classes; evaluate again")
    if not np.isfinite(np.array(recorded["logits"])).all():
        raise RunError(f"{where} hold scores that are no numbers; evaluate again with --save")
    return recorded


def shared_photos(predictions: Sequence[Predictions]) -> list[np.ndarray]:
    """Row indices of the photos that all predictions share, by content and true class; row k is one photo.

    Returns:
        Row numbers, (M,) each, in the order of the paths of the first; M is 0 where no photo is shared.
    """
    numbered = [_numbered(a) for a in predictions]
    common = [key for key in numbered[0] if all(key in other for other in numbered[1:])]
    return [np.array([rows[key] for key in common], dtype=int) for rows in numbered]


def _numbered(predictions: Predictions) -> dict[tuple[str, str, int], int]:
    """Row of each photo by its content and true class; copies of one photo are counted, in the order of their paths."""
    rows: dict[tuple[str, str, int], int] = {}
    seen: dict[tuple[str, str], int] = {}
    for row in sorted(range(len(predictions)), key=lambda row: predictions.paths[row]):
        key = predictions.sha256[row], predictions.classes[predictions.labels[row]]
        seen[key] = seen.get(key, -1) + 1
        rows[(*key, seen[key])] = row
    return rows


def align_labels(predictions: Sequence[Predictions], rows: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels and predictions on shared photos with one numbering of the classes.

    Args:
        rows: from `shared_photos`, (M,) each.
    Returns:
        Labels (M,), and predicted classes of each run, (M,) each.
    """
    names = sorted({name for a in predictions for name in a.classes})
    number = {name: k for k, name in enumerate(names)}
    tables = [np.array([number[name] for name in a.classes]) for a in predictions]
    labels = tables[0][predictions[0].labels[rows[0]]]
    return labels, [table[a.predicted[r]] for a, table, r in zip(predictions, tables, rows)]
