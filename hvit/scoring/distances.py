"""Out-of-distribution scores of known and unknown photos, recorded in `eval/<split>/rejection.parquet` of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hvit.calibration import softmax
from hvit.data.unknown_kinds import KNOWN, UNKNOWN_KINDS, kind_of_unknown
from hvit.runs import ModelCard, Run, RunError
from hvit.runs.layout import DISTANCES, in_split
from hvit.runs.results import parquet_bytes, record_results
from hvit.scoring.recorded_tables import read_split_table
from hvit.untrusted.tables import Kind
from hvit.verdicts import conformal_sets

if TYPE_CHECKING:  # import torch, which a page's first frame does not wait for
    from hvit.data.datasets.reading import Sample
    from hvit.runs.checkpoint import Checkpoint
    from hvit.scoring.model_outputs import ModelOutputs

COLUMNS: dict[str, Kind] = {
    "data": "text", "kind": "text", "sha256": "text", "label": "text", "score": "number", "set_size": "number",
    "detector": "text",
}  # fmt: skip
PER_PHOTO = ("data", "kind", "sha256", "label", "score", "set_size")


@dataclass(frozen=True)
class Distances:
    """Out-of-distribution scores of N photos.

    Attributes:
        data: name of the data set of each, (N,) text.
        kind: `known`, or one of `UNKNOWN_KINDS`, (N,) text.
        sha256: of each photo's bytes, (N,) text.
        label: class of each, (N,) text; of unknown photos one the run does not know.
        score: higher is farther from the training photos, (N,).
        set_size: classes in the conformal set before the second threshold widens it, (N,).
        detector: SHA-256 of the detector that scored; "" where its card names none.
    """

    data: np.ndarray
    kind: np.ndarray
    sha256: np.ndarray
    label: np.ndarray
    score: np.ndarray
    set_size: np.ndarray
    detector: str

    def __len__(self) -> int:
        return len(self.score)

    @property
    def is_known(self) -> np.ndarray:
        """(N,) bool."""
        return self.kind == KNOWN

    def only(self, rows: np.ndarray) -> Distances:
        """Selects photos by a mask."""
        parts: dict[str, Any] = {name: getattr(self, name)[rows] for name in PER_PHOTO}
        return replace(self, **parts)

    def replaced_by(self, newer: Distances) -> Distances:
        """Merges newer records: data sets of equal name are replaced, and scores of another detector removed."""
        if self.detector != newer.detector:
            return newer
        kept = self.only(~np.isin(self.data, newer.data))
        parts: dict[str, Any] = {n: np.concatenate([getattr(kept, n), getattr(newer, n)]) for n in PER_PHOTO}
        return replace(self, **parts)


def score_distances(
    checkpoint: Checkpoint, outputs: ModelOutputs, samples: Sequence[Sample], unknown_kind: str | None = None
) -> Distances | None:
    """Out-of-distribution scores of photos; None for a run without a detector.

    Args:
        outputs: of the photos, in the order of `samples`.
        unknown_kind: of `UNKNOWN_KINDS`, of every class that the run does not know; by its name where left out.
    """
    if checkpoint.ood is None:
        return None
    known = set(checkpoint.classes)
    labels = [sample.label for sample in samples]
    kinds = [KNOWN if name in known else unknown_kind or kind_of_unknown(name, checkpoint.classes) for name in labels]
    probs = softmax(outputs.logits, checkpoint.temperature)
    return Distances(
        np.array([sample.source for sample in samples], dtype=str),
        np.array(kinds, dtype=str),
        np.array(outputs.sha256, dtype=str),
        np.array(labels, dtype=str),
        checkpoint.ood.score(outputs.stage_features, outputs.photo_logits).astype(np.float64),
        conformal_sets(probs, checkpoint.classes, checkpoint.conformal).sum(1),
        detector_of(checkpoint.card),
    )


def detector_of(card: ModelCard | None) -> str:
    """SHA-256 of the detector in a `model.json`; "" without one."""
    return "" if card is None or card.ood is None else card.ood.sha256


def record_distances(run: Run, split: str, distances: Distances) -> None:
    """Writes `eval/<split>/rejection.parquet`: data sets of the same name are replaced, others stay.

    Raises:
        RunError: the existing file is damaged.
    """
    record_results(run.path, {in_split(split, DISTANCES): distances_bytes(run, split, distances)})


def distances_bytes(run: Run, split: str, distances: Distances) -> bytes:
    """Encodes `eval/<split>/rejection.parquet` with these distances merged in, see `record_distances`."""
    import pyarrow as pa

    before = read_distances(run, split, of_detector=None)
    merged = distances if before is None else before.replaced_by(distances)
    columns = {
        "data": merged.data, "kind": merged.kind, "sha256": merged.sha256, "label": merged.label,
        "score": merged.score.astype(np.float32), "set_size": merged.set_size.astype(np.int16),
        "detector": np.full(len(merged), merged.detector),
    }  # fmt: skip
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return parquet_bytes(table, use_dictionary=["data", "kind", "label"])


def read_distances(run: Run, split: str, of_detector: str | None) -> Distances | None:
    """Reads the recorded out-of-distribution scores of a run on a split; None where there are none.

    Args:
        of_detector: SHA-256 of the detector of the run, see `detector_of`; scores of another one count as none. None
            takes any.
    Raises:
        RunError: they are damaged.
    """
    again = "evaluate again with --save-distances"
    columns = read_split_table(run, split, DISTANCES, COLUMNS, "distances", again)
    if columns is None:
        return None
    score, detectors = np.array(columns["score"], dtype=np.float64), set(columns["detector"])
    kinds = np.array(columns["kind"], dtype=str)
    if not len(score) or len(detectors) > 1 or not np.isfinite(score).all() or set(kinds) - {KNOWN, *UNKNOWN_KINDS}:
        raise RunError(f"{in_split(split, DISTANCES)} of run {run.name} is damaged; remove it, and {again}")
    detector = detectors.pop()
    if of_detector is not None and detector != of_detector:
        return None
    texts = {name: np.array(columns[name], dtype=str) for name in ("data", "sha256", "label")}
    return Distances(
        texts["data"], kinds, texts["sha256"], texts["label"], score, np.array(columns["set_size"], dtype=int), detector
    )
