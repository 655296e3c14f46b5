"""Training and validation data of a program: decoded photos, labels, and the roles of validation photos."""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hvit.console import progress as progress_bar
from hvit.data.caching.photo_cache import PhotoCache, open_cache
from hvit.data.datasets.reading import (
    Sample,
    check_classes,
    class_names,
    groups_from_names,
    log_nothing,
    log_to_stderr,
    plants_known,
    read_samples,
    readers,
    with_groups,
)
from hvit.data.datasets.splits import halves_of_val, split_by_group
from hvit.data.inspection.duplicates import Fingerprints, groups_of, near_duplicate_pairs
from hvit.data.spectral import SpectralStream
from hvit.files import write_bytes
from hvit.runs.layout import SPLIT
from hvit.untrusted import UntrustedFileError, inside, read_csv
from training.config import ConfigError, FinetuneConfig, PretrainConfig, SegmentConfig
from training.inputs.spectral import open_stream
from training.parallel.world import World


@dataclass(frozen=True)
class Datasets:
    """Training and validation photos.

    Attributes:
        train, val: decoded photos.
        plants_known: whether every photo says which plant it shows, by itself or by `group_from`.
        selects, calibrates: numbers of the photos of `val` that choose weights, and that calibrate them.
        stream: input specification of the spectral stream; the caches then hold bands. None without a stream.
    """

    train: PhotoCache
    val: PhotoCache
    selects: np.ndarray
    calibrates: np.ndarray
    plants_known: bool
    stream: SpectralStream | None = None

    @cached_property
    def classes(self) -> list[str]:
        """Sorted class names."""
        return class_names(self.train.samples + self.val.samples)

    def labels(self, cache: PhotoCache) -> np.ndarray:
        """Class indices of the photos of a cache, (N,)."""
        number = {name: i for i, name in enumerate(self.classes)}
        return np.array([number[sample.label] for sample in cache.samples])


def build_datasets(config: FinetuneConfig, world: World, resumed: Path | None) -> Datasets:
    """Reads, splits and decodes the data sets of a configuration.

    Args:
        resumed: the resumed run, whose division of val is kept.
    Raises:
        ConfigError: the data sets lack train or validation photos, or cannot be divided.
        DataError: a data set cannot be read.
    """
    samples = read_all(config, log_to_stderr if world.is_main else log_nothing)
    check_classes([sample for sample in samples if sample.split != "test"], config.data.dirs)
    known = config.data.group_from is not None or plants_known(samples)
    samples = with_splits(samples, config, world)
    caches = []
    for split in ("train", "val"):
        chosen = [sample for sample in samples if sample.split == split]
        if not chosen:
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/CLASS/*.jpg")
        if split == "train":
            chosen = fewer(chosen, config.data.train_fraction, config.seed)
        caches.append(cache_of(chosen, config, world))
    train, val = caches
    if resumed is not None and (resumed / SPLIT).exists():
        try:
            recorded = {row["path"]: row for row in read_csv(inside(resumed, SPLIT), ("path", "role", "group"))}
        except UntrustedFileError as error:
            raise ConfigError(f"--resume: {SPLIT} of run {resumed.name} {error}; start a new --run-dir") from None
        if any(sample.relative not in recorded for sample in val.samples):
            raise ConfigError(
                f"--resume: the validation photos are not those {resumed / SPLIT} lists; start a new --run-dir"
            )
        rows = [recorded[sample.relative] for sample in val.samples]
        val.samples = with_groups(val.samples, [row["group"] or row["path"] for row in rows])
        selecting = np.array([row["role"] == "select" for row in rows])
    else:
        val.samples = grouped(val.samples, val, config)
        selecting = halves_of_val(val.samples, set(config.data.calibrate_only), config.seed)
    if not selecting.any() or selecting.all():
        raise ConfigError("validation has too few groups to be divided into a selecting and a calibrating half")
    stream = open_stream(config, train, val, world)
    return Datasets(train, val, np.flatnonzero(selecting), np.flatnonzero(~selecting), known, stream)


def read_all(config: FinetuneConfig, log: Callable[[str], None] = log_to_stderr) -> list[Sample]:
    """Lists the samples of all data sets of a configuration.

    Args:
        log: of `read_samples`.
    Raises:
        ConfigError: it says something of a data set that is not among them.
        DataError: a data set cannot be read.
    """
    data = config.data
    named = {*data.calibrate_only, *data.source_weights, *data.licences, *data.field}
    samples = read_samples(data.dirs, early_stress=data.early_stress, log=log)
    unknown = named - {sample.source for sample in samples}
    if unknown:
        raise ConfigError(f"data names {', '.join(sorted(unknown))}, which is none of the data sets in data.dirs")
    return samples


def listed_classes(config: FinetuneConfig) -> list[str]:
    """Lists the class names from names of folders and files alone; no photo is read.

    Skipped files are not reported here but when the photos are read.

    Raises:
        ConfigError, DataError: see `read_all`.
    """
    return class_names([sample for sample in read_all(config, log_nothing) if sample.split != "test"])


def fewer(samples: list[Sample], fraction: float, seed: int) -> list[Sample]:
    """Subsamples each class, at least one photo of it; deterministic, and nested in any larger share."""
    of_class: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: hashlib.sha256(f"{seed}/{s.relative}".encode()).digest()):
        of_class.setdefault(sample.label, []).append(sample)
    kept = {s.relative for group in of_class.values() for s in group[: max(1, round(fraction * len(group)))]}
    return [sample for sample in samples if sample.relative in kept]


def with_splits(samples: list[Sample], config: FinetuneConfig | PretrainConfig, world: World) -> list[Sample]:
    """Splits the data sets that come without splits, by group."""
    divided = [sample for sample in samples if sample.split is not None]
    whole = [sample for sample in samples if sample.split is None]
    if not whole:
        return samples
    cache = cache_of(whole, config, world)
    return divided + split_by_group(grouped(cache.samples, cache, config), config.data.shares, config.seed)


def cache_of(
    samples: Sequence[Sample], config: FinetuneConfig | PretrainConfig | SegmentConfig, world: World
) -> PhotoCache:
    """Opens the cache of decoded photos; the first process decodes, the others wait."""
    if not world.is_main:
        world.barrier()
    side, folder = config.data.cache_side, config.data.cache_dir
    cache = open_cache(list(samples), side, folder, progress_bar("preparing photos"), readers(samples))
    if world.is_main:
        world.barrier()
    return cache


def grouped(
    samples: list[Sample], photos: Sequence[np.ndarray], config: FinetuneConfig | PretrainConfig
) -> list[Sample]:
    """Sets groups from a pattern on the names, or keeps known groups and adds those of near-duplicates."""
    pattern = config.data.group_from
    groups = filled_groups(samples, photos) if pattern is None else groups_from_names(samples, pattern)
    return with_groups(samples, groups)


def filled_groups(samples: list[Sample], photos: Sequence[np.ndarray]) -> list[str]:
    """Groups of samples, with near-duplicate groups where a sample has none.

    Args:
        photos: pixels of each sample, (H, W, 3) uint8.
    """
    groups = [sample.group for sample in samples]
    lacking = [i for i, group in enumerate(groups) if not group]
    labels = np.unique([samples[i].label for i in lacking], return_inverse=True)[1]
    prints = Fingerprints.of(photos[i] for i in lacking)
    for i, first in zip(lacking, groups_of(len(lacking), near_duplicate_pairs(prints, labels))):
        groups[i] = samples[lacking[first]].relative
    return groups


def write_split(run_dir: Path, datasets: Datasets) -> None:
    """Writes split.csv: photos that train, select and calibrate."""
    train, val = datasets.train, datasets.val
    role = np.full(len(val), "calibrate", dtype=object)
    role[datasets.selects] = "select"
    write_roles(run_dir, train.samples + val.samples, train.sha256 + val.sha256, ["train"] * len(train) + list(role))


def write_roles(run_dir: Path, samples: list[Sample], sha256: list[str], roles: list[str]) -> None:
    """Writes split.csv of a run."""
    write_bytes(run_dir / SPLIT, encode_roles(samples, sha256, roles))


def encode_roles(samples: list[Sample], sha256: list[str], roles: list[str]) -> bytes:
    """Encodes split.csv: path, sha256, label, role, and group where it holds several photos."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["path", "sha256", "label", "role", "group"])
    for sample, content, part in zip(samples, sha256, roles, strict=True):
        group = "" if sample.group == sample.relative else sample.group  # a photo is its own group
        rows.writerow([sample.relative, content, sample.label, part, group])
    return out.getvalue().encode()
