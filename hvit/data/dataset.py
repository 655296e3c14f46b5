"""Folders of photos to a list of samples, in an order that is the same on every machine."""

from dataclasses import dataclass, replace
from pathlib import Path

from hvit.data.photos import find_photos

SPLITS = ("train", "val", "test")


class DataError(ValueError):
    """A folder that does not hold what was asked of it."""


@dataclass(frozen=True)
class Sample:
    """One photo of a data set.

    Attributes:
        path: where it lies.
        label: class name, as the folder is called.
        split: train, val or test; None where the data set has no splits.
        group: photos of one group (a plant, a series, near-duplicates) never span two splits; "" is not known.
        source: name of the data set.
        root: folder the data set lies in; `relative` is the path below its parent.
    """

    path: Path
    label: str
    split: str | None
    group: str
    source: str
    root: Path

    @property
    def relative(self) -> str:
        """Path from the parent of the data set, with forward slashes: what a run records."""
        return f"{self.source}/{self.path.relative_to(self.root).as_posix()}"


def read_samples(dirs: list[Path], split: str | None = None) -> list[Sample]:
    """All photos of several data sets, each a DIR/{train,val,test}/CLASS/* or DIR/CLASS/*.

    Args:
        dirs: folders of data sets.
        split: keep only this split; data sets without splits are then refused.
    Returns:
        Samples sorted by data set in the order given, then by path.
    Raises:
        DataError: a folder is missing, holds no photos, or lacks the split.
    """
    samples = [sample for folder in dirs for sample in _read_folder(Path(folder))]
    if split is None:
        return samples
    chosen = [sample for sample in samples if sample.split == split]
    if not chosen:
        known = sorted({sample.split for sample in samples if sample.split})
        names = ", ".join(str(d) for d in dirs)
        raise DataError(f"{names}: no photos in split {split!r}; splits here: {', '.join(known) or 'none'}")
    return chosen


def _read_folder(folder: Path) -> list[Sample]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    present = [split for split in SPLITS if (folder / split).is_dir()]
    found = []
    for split in present or [None]:
        base = folder / split if split else folder
        for class_dir in sorted(d for d in base.iterdir() if d.is_dir()):
            found += [
                Sample(path, class_dir.name, split, "", folder.resolve().name, folder) for path in find_photos(class_dir)
            ]
    if not found:
        raise DataError(f"{folder}: no photos; expected {folder.name}/CLASS/*.jpg or {folder.name}/train/CLASS/*.jpg")
    return found


def class_names(samples: list[Sample]) -> list[str]:
    """The sorted union of the samples' classes."""
    return sorted({sample.label for sample in samples})


def with_groups(samples: list[Sample], groups: list[str]) -> list[Sample]:
    """The same samples with their groups set."""
    return [replace(sample, group=group) for sample, group in zip(samples, groups, strict=True)]
