"""Training and validation photos with masks, decoded, with the roles of validation photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.masks import MaskSample, read_healthy, read_masked
from hvit.data.datasets.reading import say_nothing, say_on_stderr, with_groups
from hvit.data.datasets.splits import halves_of_val
from training.config import ConfigError, MaskData, SegmentConfig
from training.inputs.datasets import cache_of
from training.parallel.world import World


@dataclass(frozen=True)
class MaskedPhotos:
    """Photos and their masks, in the same order and of the same sizes.

    Attributes:
        photos: decoded.
        masks: as images, see `MaskSample`.
        leaf_known: whether each mask distinguishes leaf from background, (N,) bool.
    """

    photos: PhotoCache
    masks: PhotoCache
    leaf_known: np.ndarray

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def sources(self) -> np.ndarray:
        """Data set of each photo, (N,)."""
        return np.array([sample.source for sample in self.photos.samples])


@dataclass(frozen=True)
class MaskDatasets:
    """Training and validation photos; one half of validation selects weights, the other calibrates."""

    train: MaskedPhotos
    val: MaskedPhotos
    selects: np.ndarray
    calibrates: np.ndarray


def build_mask_datasets(config: SegmentConfig, world: World) -> MaskDatasets:
    """Reads and decodes the data sets of a configuration.

    Raises:
        ConfigError: they lack train or validation photos, or the configuration names one that is not among them.
        DataError: a mask is missing or damaged; every mask is read before training begins.
    """
    samples = list_masked(config.data, world)
    parts = {}
    for split in ("train", "val"):
        chosen = [sample for sample in samples if sample.split == split]
        if not chosen:
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/images and DIR/{split}/masks")
        parts[split] = open_masked(chosen, config, world)
    val = parts["val"]
    grouped = with_groups(val.photos.samples, [s.group or s.relative for s in val.photos.samples])
    selecting = halves_of_val(grouped, set(), config.seed)
    if not selecting.any() or selecting.all():
        raise ConfigError("validation has too few photos to be divided into a selecting and a calibrating half")
    return MaskDatasets(parts["train"], val, np.flatnonzero(selecting), np.flatnonzero(~selecting))


def list_masked(data: MaskData, world: World) -> list[MaskSample]:
    """The samples of all data sets of a configuration.

    Raises:
        ConfigError: the configuration names a data set that is not among them.
        DataError: a data set cannot be read.
    """
    say = say_on_stderr if world.is_main else say_nothing
    samples: list[MaskSample] = read_masked(data.dirs, say) + read_healthy(data.healthy_dirs, say)
    named = {*data.source_weights, *data.leaf_unknown, *data.crops, *data.licences}
    sources = {sample.source for sample in samples}
    if named - sources:
        raise ConfigError(
            f"data names {', '.join(sorted(named - sources))}, which is none of the data sets in data.dirs; those are "
            f"{', '.join(sorted(sources))}"
        )
    return samples


def open_masked(samples: Sequence[MaskSample], config: SegmentConfig, world: World) -> MaskedPhotos:
    """Decodes photos and masks; a photo that cannot be read is left out with its mask."""
    photos = cache_of([sample.photo for sample in samples], config, world)
    readable = {sample.relative for sample in photos.samples}
    masks = cache_of([sample for sample in samples if sample.relative in readable], config, world)
    unknown = {s.relative for s in samples if s.is_healthy or s.source in config.data.leaf_unknown}
    known = np.array([sample.relative not in unknown for sample in photos.samples])
    return MaskedPhotos(photos, masks, known)
