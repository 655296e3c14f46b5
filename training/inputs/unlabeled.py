"""Data sets of pre-training: training photos and unlabeled folders; val and test photos are not read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.reading import (
    log_nothing,
    log_to_stderr,
    plants_known,
    read_samples,
    read_unlabeled,
)
from hvit.data.datasets.splits import split_by_group
from training.config import ConfigError, PretrainConfig
from training.inputs.datasets import cache_of, grouped, with_splits, write_roles
from training.parallel.world import World


@dataclass(frozen=True)
class Unlabeled:
    """Photos to pre-train on, and labeled photos to evaluate features with.

    Attributes:
        cache: all of them, decoded.
        learns: numbers of those learned from.
        known: numbers of those among `learns` with a label: the reference of k-NN and linear probe.
        held_out: numbers of those with a label that are not learned from.
        plants_known: whether every photo with a label says which plant it shows.
    """

    cache: PhotoCache
    learns: np.ndarray
    known: np.ndarray
    held_out: np.ndarray
    plants_known: bool

    @property
    def can_evaluate(self) -> bool:
        """Whether features can be evaluated with labels: there are photos of two classes or more."""
        return len({self.cache.samples[i].label for i in self.known}) > 1

    def labels(self, photos: np.ndarray) -> np.ndarray:
        """Class names of labeled photos, (N,)."""
        return np.array([self.cache.samples[i].label for i in photos])


def gather_unlabeled(config: PretrainConfig, world: World) -> Unlabeled:
    """Reads and decodes the training photos; val and test photos of a data set are excluded.

    Data sets without splits are divided first, as fine-tuning with the same seed, shares and groups divides them.

    Raises:
        ConfigError: there are no training photos, or too few groups to hold any out.
        DataError: a data set cannot be read.
    """
    data = config.data
    log = log_to_stderr if world.is_main else log_nothing
    samples = read_samples(data.dirs, log=log) if data.dirs else []
    known = data.group_from is not None or plants_known(samples)
    labeled = [sample for sample in with_splits(samples, config, world) if sample.split == "train"]
    if data.dirs and not labeled:
        raise ConfigError("data.dirs hold no train photos; expected DIR/train/CLASS/*.jpg")
    others = read_unlabeled(data.unlabeled, log)
    unknown = set(data.licences) - {sample.source for sample in labeled + others}
    if unknown:
        raise ConfigError(f"data.licences names {', '.join(sorted(unknown))}, which is none of the data sets")
    cache = cache_of(labeled + others, config, world)
    has_label = np.array([bool(sample.label) for sample in cache.samples])
    with_label = np.flatnonzero(has_label)
    held_out = np.zeros(len(cache), dtype=bool)
    if len(with_label):
        own = [cache.samples[i] for i in with_label]
        own = grouped(own, [cache[i] for i in with_label], config)
        divided = split_by_group(own, (1 - data.holdout, data.holdout, 0.0), config.seed)
        learning = {sample.relative for sample in divided if sample.split == "train"}
        held_out[with_label] = [sample.relative not in learning for sample in own]
        if not held_out.any():
            raise ConfigError(f"data.holdout {data.holdout} of the training photos holds out no group; raise it")
    known_numbers = np.flatnonzero(has_label & ~held_out)
    return Unlabeled(cache, np.flatnonzero(~held_out), known_numbers, np.flatnonzero(held_out), known)


def write_split(run_dir: Path, datasets: Unlabeled) -> None:
    """Writes split.csv of a pre-training: training and held-out photos."""
    role = np.full(len(datasets.cache), "train", dtype=object)
    role[datasets.held_out] = "holdout"
    write_roles(run_dir, datasets.cache.samples, datasets.cache.sha256, list(role))
