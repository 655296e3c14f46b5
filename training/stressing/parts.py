"""Predicts photos under corruptions and attacks part by part, so that an interrupted measurement can be resumed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hvit.console import progress
from hvit.data.corruptions import sample_index
from hvit.data.datasets.reading import DataError, Sample
from hvit.data.photos import InvalidPhotoError, Photo
from hvit.files import write_bytes
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.attacks import ATTACKS
from hvit.scoring.robustness_records import encoded_rows
from hvit.scoring.stress import (
    LeafMask,
    Predict,
    StressPrediction,
    predict_attacked,
    predict_clean,
    predict_corrupted,
    working_copy,
)
from training.parallel.world import World

CHUNK = 8  # photos of a part: the unit of work of a process, lost on interruption


@dataclass(frozen=True)
class Plan:
    """Work plan of a measurement, the same on every process.

    Attributes:
        samples: photos, attacked ones first.
        kinds: corruptions.
        attacked: number of photos that are attacked as well.
        seed: as on the command line.
        folder: of the parts that are done.
        leaf_mask: photo -> mask of its leaf.
        masked_by: the run whose head finds leaves; None for color.
        runtime: what `predict` computes with.
        predict: photos -> logits and features.
    """

    samples: list[Sample]
    kinds: tuple[str, ...]
    attacked: int
    seed: int
    folder: Path
    leaf_mask: LeafMask
    masked_by: str | None
    runtime: str
    predict: Predict

    def chunks(self) -> list[range]:
        """Photo numbers of each part."""
        return [range(first, min(first + CHUNK, len(self.samples))) for first in range(0, len(self.samples), CHUNK)]

    def part(self, chunk: range) -> Path:
        """Path of the file of a part."""
        return self.folder / f"{chunk.start:06d}.parquet"


def do_parts(checkpoint: Checkpoint, plan: Plan, world: World) -> None:
    """Computes the missing parts of this process."""
    own = plan.chunks()[world.rank :: world.size]
    show = progress("photos") if world.is_main else lambda done, total: None
    total = sum(map(len, own))
    done = 0
    for chunk in own:
        if not plan.part(chunk).exists():
            rows = list(_predicted_rows(checkpoint, plan, chunk))
            write_bytes(plan.part(chunk), encoded_rows(rows))
        done += len(chunk)
        show(done, total)
        world.heartbeat(done)


def _predicted_rows(checkpoint: Checkpoint, plan: Plan, chunk: range) -> Iterator[dict]:
    """Rows of the photos of a part: each is decoded once, and predicted in all its versions."""
    samples = [plan.samples[i] for i in chunk]
    photos = [read_photo(sample) for sample in samples]
    copies = [working_copy(photo.pixels) for photo in photos]
    indices = [sample_index(photo.sha256) for photo in photos]
    predictions: list[list[StressPrediction]] = [
        [prediction] for prediction in predict_clean(checkpoint, copies, plan.predict)
    ]
    for kind in plan.kinds:
        found = predict_corrupted(checkpoint, copies, indices, kind, plan.seed, plan.leaf_mask, plan.predict)
        predictions = [before + new for before, new in zip(predictions, found)]
    attacked = len([i for i in chunk if i < plan.attacked])
    if attacked:
        labels = [checkpoint.classes.index(sample.label) for sample in samples[:attacked]]
        for attack in ATTACKS:
            found = predict_attacked(checkpoint, copies[:attacked], labels, indices[:attacked], attack, plan.seed)
            predictions[:attacked] = [before + new for before, new in zip(predictions, found)]
    for sample, photo, versions in zip(samples, photos, predictions):
        yield from (_row(sample, photo.sha256, prediction) for prediction in versions)


def read_photo(sample: Sample) -> Photo:
    try:
        return sample.read()
    except InvalidPhotoError as error:
        raise DataError(f"{sample.path} cannot be read: {error}") from None


def _row(sample: Sample, sha256: str, prediction: StressPrediction) -> dict:
    return {
        "sample_id": sha256[:16],
        "path": sample.relative,
        "sha256": sha256,
        "data": sample.source,
        "true_class": sample.label,
        "kind": prediction.kind,
        "strength": prediction.strength,
        "label": prediction.label,
        "probability": prediction.probability,
        "verdict": prediction.verdict,
        "prediction_set": prediction.prediction_set,
    }
