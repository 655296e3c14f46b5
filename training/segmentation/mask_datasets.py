"""Training and validation photos with masks, decoded, with the roles of validation photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.folders import DataError
from hvit.data.datasets.masks import LEAF, SYMPTOM, MaskSample, read_healthy, read_masked
from hvit.data.datasets.reading import SPLITS, log_nothing, log_to_stderr, with_groups
from hvit.data.datasets.splits import halves_of_val
from training.config import ConfigError, MaskData, SegmentConfig
from training.inputs.datasets import cache_of
from training.parallel.world import World

NO_SYMPTOM = "no mask of the training photos has a symptom (value 2), so there is nothing to learn"
HALF = 128  # of 255: a pixel belongs to the class that covers half of it


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
    """Photos of training, validation and test; one half of validation selects weights, the other calibrates.

    Attributes:
        selects, calibrates: numbers of the validation photos of each half.
        test: None where the data sets have no test photos.
        extra: photos that calibrate only: of `calibrate_dirs`, and healthy leaves; None without any.
    """

    train: MaskedPhotos
    val: MaskedPhotos
    selects: np.ndarray
    calibrates: np.ndarray
    test: MaskedPhotos | None = None
    extra: MaskedPhotos | None = None


def build_mask_datasets(config: SegmentConfig, world: World) -> MaskDatasets:
    """Reads and decodes the data sets of a configuration.

    Raises:
        ConfigError: they lack train or validation photos, or masks with symptoms; or the configuration names a data
            set that is not among them, or calibrates on photos that train.
        DataError: a mask is missing or damaged; every mask is read before training begins.
    """
    samples, more = list_masked(config.data, world)
    parts = {split: [sample for sample in samples if sample.split == split] for split in SPLITS}
    for split in ("train", "val"):
        if not parts[split]:
            raise ConfigError(f"data.dirs hold no {split} photos; expected DIR/{split}/images and DIR/{split}/masks")
    train, val = (open_masked(parts[split], config, world) for split in ("train", "val"))
    test, extra = (open_masked(part, config, world) if part else None for part in (parts["test"], more))
    if not with_symptoms(train, np.arange(len(train))):
        raise ConfigError(NO_SYMPTOM)
    for part in (train, val, test, extra):
        if part is not None:
            check_leaf(part)
    grouped = with_groups(val.photos.samples, [s.group or s.relative for s in val.photos.samples])
    selecting = halves_of_val(grouped, set(), config.seed)
    if not selecting.any() or selecting.all():
        raise ConfigError("validation has too few photos to be divided into a selecting and a calibrating half")
    selects = np.flatnonzero(selecting)
    if not with_symptoms(val, selects):
        raise ConfigError(
            f"none of the {len(selects)} validation photos that select the weights has a symptom (value 2) in its mask"
        )
    return MaskDatasets(train, val, selects, np.flatnonzero(~selecting), test, extra)


def list_masked(data: MaskData, world: World) -> tuple[list[MaskSample], list[MaskSample]]:
    """The samples of all data sets of a configuration, and those that calibrate only.

    Those are of `calibrate_dirs`, and the validation photos of `healthy_dirs`.

    Raises:
        ConfigError: the configuration names a data set that is not among them, or calibrates on photos that train or
            select.
        DataError: a data set cannot be read.
    """
    log = log_to_stderr if world.is_main else log_nothing
    samples: list[MaskSample] = read_masked(data.dirs, log) + read_healthy(data.healthy_dirs, log)
    more = read_masked(data.calibrate_dirs, log) + read_healthy(data.healthy_dirs, split="val")
    _check_names(data, {sample.source for sample in samples + more})
    used = {sample.photo.path.resolve() for sample in samples if sample.split != "test"}
    shared = [sample.relative for sample in more if sample.photo.path.resolve() in used]
    if shared:
        raise ConfigError(
            f"data.calibrate_dirs name {len(shared)} photos that train or select too, the first is {shared[0]}; "
            "intervals need photos of their own"
        )
    return samples, more


def _check_names(data: MaskData, sources: set[str]) -> None:
    """Checks that the options for single data sets name data sets that are there.

    Raises:
        ConfigError: one names another.
    """
    for option in ("source_weights", "leaf_unknown", "crops", "licences"):
        unknown = set(getattr(data, option)) - sources
        if unknown:
            raise ConfigError(
                f"data.{option} names {', '.join(sorted(unknown))}, which is none of the data sets; each is named by "
                f"the last part of its folder: {', '.join(sorted(sources))}"
            )


def check_leaf(data: MaskedPhotos) -> None:
    """Checks that the masks of each data set show leaves, unless it is listed in `leaf_unknown`.

    Raises:
        ConfigError: they show symptoms alone, which would then be taken for the whole leaf.
    """
    for source in np.unique(data.sources[data.leaf_known]):
        if not _has_class(data, np.flatnonzero(data.sources == source), LEAF):
            raise leaf_missing(source)


def leaf_missing(source: str) -> ConfigError:
    """Error of a data set whose masks show no leaf."""
    return ConfigError(
        f"no mask of {source} has a pixel of leaf (value 1); where masks tell symptoms alone, add the data set "
        f"to data.leaf_unknown: [{source}]"
    )


def with_symptoms(data: MaskedPhotos, photos: np.ndarray) -> list[str]:
    """Data sets of which one of these photos at least has a symptom in its mask; others cannot select anything."""
    sources = data.sources[photos]
    return [source for source in np.unique(sources) if _has_class(data, photos[sources == source], SYMPTOM)]


def _has_class(data: MaskedPhotos, photos: np.ndarray, number: int) -> bool:
    return any(bool((data.masks[i][:, :, number] >= HALF).any()) for i in photos)


def open_masked(samples: Sequence[MaskSample], config: SegmentConfig, world: World) -> MaskedPhotos:
    """Decodes photos and masks; a photo that cannot be read is left out with its mask."""
    photos = cache_of([sample.photo for sample in samples], config, world)
    readable = {sample.relative for sample in photos.samples}
    masks = cache_of([sample for sample in samples if sample.relative in readable], config, world)
    unknown = {s.relative for s in samples if s.is_healthy or s.source in config.data.leaf_unknown}
    known = np.array([sample.relative not in unknown for sample in photos.samples])
    for sample, own, of_mask in zip(photos.samples, photos.sizes, masks.sizes):
        if tuple(own) != tuple(of_mask):
            raise DataError(f"{sample.path} was changed since its mask was read; empty {config.data.cache_dir}")
    return MaskedPhotos(photos, masks, known)
