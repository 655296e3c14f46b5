"""Reads every mask file of a configuration as training would, and keeps none of the pixels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hvit.console import progress
from hvit.data.datasets.masks import LEAF, SYMPTOM, MaskSample
from hvit.data.datasets.samples import RenderedSample
from hvit.data.invalid_photo import InvalidPhotoError
from training.config import ConfigError
from training.segmentation.mask_datasets import NO_SYMPTOM, leaf_missing


def check_masks(samples: Sequence[MaskSample], leaf_unknown: Sequence[str]) -> tuple[Counter[str], list[Path]]:
    """Reads the masks that are files, and checks what they show.

    Args:
        samples: of all data sets and splits; rendered and healthy leaves have no mask files.
        leaf_unknown: data sets whose masks show symptoms alone.
    Returns:
        Number of masks with a symptom, by data set that has mask files, and the photos that cannot be read, which
        training leaves out.
    Raises:
        DataError: a mask is no 8-bit gray PNG, or has other values or another size than its photo.
        ConfigError: no mask of a data set shows a leaf, or none of the training photos a symptom.
    """
    show = progress("masks")
    with_leaf: set[str] = set()
    symptoms = Counter({sample.source: 0 for sample in samples if not _is_made(sample)})
    learns = any(isinstance(sample.photo, RenderedSample) for sample in samples)  # not rendered for a plan
    unreadable: list[Path] = []
    for done, sample in enumerate(samples, 1):
        show(done, len(samples))
        if _is_made(sample):
            continue
        try:
            channels = sample.read().pixels
        except InvalidPhotoError:
            unreadable.append(sample.photo.path)
            continue
        if channels[:, :, LEAF].any():
            with_leaf.add(sample.source)
        if channels[:, :, SYMPTOM].any():
            symptoms[sample.source] += 1
            learns = learns or sample.split == "train"
    for source in set(symptoms) - set(leaf_unknown) - with_leaf:
        raise leaf_missing(source)
    if not learns:
        raise ConfigError(NO_SYMPTOM)
    return symptoms, unreadable


def _is_made(sample: MaskSample) -> bool:
    """Whether there is no mask file: of rendered leaves, and of healthy ones."""
    return sample.is_healthy or isinstance(sample.photo, RenderedSample)
