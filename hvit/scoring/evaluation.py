"""Evaluation of a run on labeled photos."""

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hvit.data.datasets.reading import DataError, Sample, spelled_as
from hvit.files import append_line
from hvit.runs import TEST_EVALUATIONS, Run, add_to_manifest
from hvit.runs.checkpoint import Checkpoint
from hvit.runs.layout import DISTANCES, FEATURES, PREDICTIONS, SCORES, in_split
from hvit.runs.results import npz_bytes, parquet_bytes, record_results
from hvit.scoring.distances import Distances, distances_bytes, score_distances
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.predict import predict_samples
from hvit.scoring.scores import count_unknown, score
from hvit.untrusted import UntrustedFileError, read_npz

MAX_FEATURE_BYTES = 16 * 1024  # of a photo: 8,192 channels of all stages in half precision


@dataclass(frozen=True)
class Evaluation:
    """Scores with the predictions they were computed from.

    Attributes:
        document: of `evaluate --json`.
        samples: the photos.
        predictions: of the photos, in the same order.
        distances: out-of-distribution scores of the photos, and of those of unknown classes; None without a detector.
    """

    document: dict[str, Any]
    samples: list[Sample]
    predictions: ModelOutputs
    distances: Distances | None = None


def evaluate(
    checkpoint: Checkpoint,
    samples: list[Sample],
    batch_size: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 1,
    tta: bool = False,
    without_bands: bool = False,
    unknown_classes: str = "error",
    unknown_kind: str | None = None,
) -> Evaluation:
    """Scores a run on labeled photos, with calibrated probabilities; rejected photos count too.

    Args:
        progress: called with the photos done and their number.
        workers: processes that read.
        tta: average the probabilities of each photo and its mirror image.
        without_bands: leave bands unread, as if there were none.
        unknown_classes: "error", or "report": photos of classes the run does not know are predicted, left out of all
            figures, and counted by verdict under `unknown`.
        unknown_kind: kind of those photos, see `hvit.scoring.distances.score_distances`.
    Returns:
        Scores of the photos that can be read. Where some cannot, the document lists them under `unreadable`, path ->
        reason.
    Raises:
        DataError: there are no photos, none can be read, or a class is not one the run knows.
    """
    if not samples:
        raise DataError("there are no photos to evaluate")
    samples = spelled_as(samples, checkpoint.classes)
    unknown = sorted({sample.label for sample in samples} - set(checkpoint.classes))
    if unknown and unknown_classes == "error":
        raise DataError(
            f"run {checkpoint.name} does not know the class {', '.join(unknown[:5])}"
            f"{' and others' if len(unknown) > 5 else ''}; "
            f"{_nearest(unknown[0], checkpoint.classes)}; to count what it says of others: --unknown-classes report"
        )
    unreadable: dict[str, str] = {}
    predictions = predict_samples(checkpoint, samples, batch_size, progress, workers, tta, without_bands, unreadable)
    samples = [sample for sample in samples if sample.relative not in unreadable]
    number = {name: i for i, name in enumerate(checkpoint.classes)}
    is_known = np.array([sample.label in number for sample in samples])
    known = [sample for sample in samples if sample.label in number]
    scored = predictions.only(is_known)
    labels = np.array([number[sample.label] for sample in known], dtype=int)
    document = score(checkpoint, scored, labels, [sample.source for sample in known])
    if unknown_classes == "report":
        names = [sample.label for sample in samples if sample.label not in number]
        document["unknown"] = count_unknown(checkpoint, predictions.only(~is_known), names)
    if unreadable:
        document["unreadable"] = unreadable
    return Evaluation(document, known, scored, score_distances(checkpoint, predictions, samples, unknown_kind))


def _nearest(name: str, classes: Sequence[str]) -> str:
    """The nearest class name for an error message, or the number of classes."""
    by_folded = {known.casefold(): known for known in classes}
    near = difflib.get_close_matches(name.casefold(), by_folded, 1, cutoff=0.8)
    if near:
        return f"for {name} did you mean {by_folded[near[0]]}"
    return f"it knows {len(classes)}, for example {classes[0]}"


def record_evaluation(run_dir: Path, split: str, evaluation: Evaluation) -> None:
    """Writes an evaluation into eval/<split>/ of its run: predictions.parquet, features.npz, metrics.json, and
    rejection.parquet where the run has a detector.

    Every evaluation on test is also logged in test_evaluations.jsonl, so that readers see how often test was used.
    """
    import pyarrow as pa

    samples, predictions = evaluation.samples, evaluation.predictions
    table = pa.table(
        {
            "sample_id": pa.array([f"{sha256[:16]}" for sha256 in predictions.sha256]),
            "path": pa.array([sample.relative for sample in samples]),
            "sha256": pa.array(predictions.sha256),
            "label": pa.array([sample.label for sample in samples]),
            "logits": pa.array(list(predictions.logits.astype(np.float32)), type=pa.list_(pa.float32())),
        }
    )
    # Byte-stream split: exponents of floats compress better side by side, by a third.
    by_bytes = {"use_dictionary": ["label"], "use_byte_stream_split": ["logits.list.element"]}
    results: dict[str, Any] = {
        in_split(split, PREDICTIONS): parquet_bytes(table, **by_bytes),
        in_split(split, FEATURES): features_bytes(predictions.sha256, predictions.stage_features),
        in_split(split, SCORES): evaluation.document,
    }
    if evaluation.distances is not None:
        results[in_split(split, DISTANCES)] = distances_bytes(Run(run_dir), split, evaluation.distances)
    record_results(run_dir, results)
    if split == "test":
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "n": evaluation.document["n"],
            "top1": evaluation.document["top1"],
        }
        append_line(run_dir / TEST_EVALUATIONS, json.dumps(line))
        add_to_manifest(run_dir, [TEST_EVALUATIONS])


def features_bytes(sha256: list[str], stage_features: list[np.ndarray]) -> bytes:
    """Encodes features.npz of a split: mean tokens of each stage in half precision."""
    stages = {f"stage{i + 1}": stage.astype(np.float16) for i, stage in enumerate(stage_features)}
    return npz_bytes(sha256=np.array(sha256), **stages)


def read_features(folder: Path, sha256: list[str]) -> list[np.ndarray] | None:
    """Reads the output of `features_bytes`, (N, C) float16 a stage; None where missing or of other photos.

    Args:
        sha256: of the expected photos, in order.
    Raises:
        DataError: the file is damaged.
    """
    most = MAX_FEATURE_BYTES * (len(sha256) + 64)
    try:
        arrays = read_npz(folder / FEATURES, None, most)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UntrustedFileError as error:
        raise DataError(f"{folder / FEATURES} {error}; remove it, and it will be computed again") from None
    stages = [arrays[name] for name in sorted(arrays) if name.startswith("stage")]
    if "sha256" not in arrays or any(stage.ndim != 2 or stage.dtype.kind != "f" for stage in stages):
        raise DataError(f"{folder / FEATURES} is damaged; remove it, and it will be computed again")
    if arrays["sha256"].tolist() != list(sha256) or any(len(stage) != len(sha256) for stage in stages):
        return None
    return stages
