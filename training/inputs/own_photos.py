"""Frozen features of a folder of the user's own photos, with the checks and warnings on them."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from hvit.data.datasets.reading import (
    DataError,
    Sample,
    class_names,
    groups_from_csv,
    groups_from_names,
    plants_known,
    read_samples,
    readers,
    with_groups,
)
from hvit.data.inspection.duplicates import reduced
from hvit.data.photos import InvalidPhotoError
from hvit.processes import run_in_order
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.predict import predict_pixels
from training.inputs.datasets import filled_groups

CHUNK = 64  # photos computed between two reports of progress
JUDGED_FROM = 8  # photos of a class


@dataclass(frozen=True)
class OwnPhotos:
    """Photos with the features of a frozen network.

    Attributes:
        samples: with their groups set.
        sha256: of each.
        embeddings: inputs of the head, (N, D) float32.
        stage_features: mean tokens of the four stages, each (N, C).
        plants_known: whether every photo says which plant it shows.
        warnings: sentences for whoever gave the photos.
    """

    samples: list[Sample]
    sha256: list[str]
    embeddings: np.ndarray
    stage_features: list[np.ndarray]
    plants_known: bool
    warnings: list[str]

    @cached_property
    def classes(self) -> list[str]:
        """Sorted names."""
        return class_names(self.samples)

    @cached_property
    def labels(self) -> np.ndarray:
        """Class indices, (N,)."""
        return np.array([self.classes.index(sample.label) for sample in self.samples])

    @cached_property
    def groups(self) -> np.ndarray:
        """Group numbers, (N,)."""
        return np.unique([sample.group for sample in self.samples], return_inverse=True)[1]


def list_own_photos(
    place: Path, group_from: str | None, groups_csv: Path | None
) -> tuple[list[Sample], bool, list[str]]:
    """Lists the photos of a data set that may be used for training.

    Args:
        place: of `read_samples`; where it has splits, test is left alone.
        group_from: pattern that finds the plant in a path.
        groups_csv: table that names the plant of each photo.
    Returns:
        Samples, whether their plants are known, and warnings.
    Raises:
        DataError: there is nothing to learn from, or a photo has no group.
    """
    warnings: list[str] = []
    samples = read_samples([place], log=warnings.append)
    if tested := sum(sample.split == "test" for sample in samples):
        samples = [sample for sample in samples if sample.split != "test"]
        warnings.append(f"{tested} test photos are not used; evaluate the run on them at the end")
    if copies := sum(sample.augmented for sample in samples):
        samples = [sample for sample in samples if not sample.augmented]
        warnings.append(f"{copies} augmented copies are left out")
    if not samples:
        raise DataError(f"{place}: no photos to train on, only test photos")
    if group_from is not None:
        samples = with_groups(samples, groups_from_names(samples, group_from))
    elif groups_csv is not None:
        samples = with_groups(samples, groups_from_csv(samples, groups_csv))
    check_enough_photos(samples)  # before minutes are spent on them
    return samples, plants_known(samples), warnings


def extract_features(
    checkpoint: Checkpoint,
    samples: list[Sample],
    known: bool,
    warnings: list[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OwnPhotos:
    """Reads photos once, and computes their features with the backbone of a run.

    Args:
        checkpoint: its head plays no part.
        samples, known, warnings: of `list_own_photos`.
        progress: called with the photos done and their number.
    Raises:
        DataError: too few photos can be read.
    """
    model = copy.deepcopy(checkpoint.model)
    model.reset_classifier(0)  # its output is then the embedding
    checkpoint = replace(checkpoint, model=model)
    kept, sha256, small, parts, unreadable = [], [], [], [], []
    least_sides = checkpoint.preprocessing.least_sides
    photos = run_in_order([partial(sample.read, least_sides) for sample in samples], readers(samples))
    for start in range(0, len(samples), CHUNK):
        pixels = []
        for sample, photo_of in zip(samples[start : start + CHUNK], photos):
            try:
                photo = photo_of()
            except InvalidPhotoError as error:
                unreadable.append(f"{sample.relative}: {error}")
                continue
            kept.append(sample)
            sha256.append(photo.sha256)
            small.append(reduced(photo.pixels))
            pixels.append(checkpoint.preprocessing.resize(photo.pixels))
        if pixels:
            parts.append(predict_pixels(checkpoint, pixels))
        progress(min(start + CHUNK, len(samples)), len(samples))
    if unreadable:
        warnings = [
            *warnings,
            f"{len(unreadable)} of {len(samples)} photos cannot be read and are left out; the first is {unreadable[0]}",
        ]
    if not kept:
        raise DataError(f"none of {len(samples)} photos can be read; the first is {unreadable[0]}")
    lost = sorted({sample.label for sample in samples} - {sample.label for sample in kept})
    warnings = [*warnings, *(f"{name} is left out: none of its photos can be read" for name in lost)]
    kept = with_groups(kept, filled_groups(kept, small))
    check_enough_photos(kept)
    warnings = [*warnings, *_small_classes(kept)]
    embeddings = np.concatenate([part.logits for part in parts])
    features = [np.concatenate(stage) for stage in zip(*(part.stage_features for part in parts))]
    return OwnPhotos(kept, sha256, embeddings, features, known, warnings)


def check_enough_photos(samples: list[Sample]) -> None:
    """Checks that there are two classes, and that every class can be held out.

    Raises:
        DataError: there is one class only, or all photos of a class are of one group.
    """
    classes = class_names(samples)
    if len(classes) < 2:
        raise DataError(
            f"{', '.join(classes) or 'none'} is the only class that can be read; "
            "sort the photos into two folders or more, one a condition"
        )
    for name in classes:
        own = [sample for sample in samples if sample.label == name]
        if len({sample.group or sample.relative for sample in own}) < 2:
            all_of_it = "its only photo" if len(own) == 1 else f"all its {len(own)} photos"
            raise DataError(
                f"class {name} cannot be held out: {all_of_it} must stay together (one plant, or near-duplicates); "
                "add photos of other plants, or take the class away"
            )


def _small_classes(samples: list[Sample]) -> list[str]:
    counts = Counter(sample.label for sample in samples)
    return [
        f"{name} has {count} photos: below {JUDGED_FROM} cross-validation cannot evaluate a class"
        for name, count in sorted(counts.items())
        if count < JUDGED_FROM
    ]
