"""Data sets, of photos or of drawn leaves, to a list of samples in an order that is the same on every machine."""

import csv
import difflib
import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from hvit.data.leafsim import BANDS, SCHEME, Address, Span, draw, plan
from hvit.data.photos import SUFFIXES, Photo, find_photos, read_photo
from hvit.data.spectral import find_bands, read_bands
from hvit.files import file_sha256
from hvit.processes import worth_starting

SPLITS = ("train", "val", "test")
DRAWN_PX = 160
COTTON_ORIGINALS, COTTON_COPIES = "Original Dataset", "Augmented Dataset"  # the layout of SAR-CLD-2024


class DataError(ValueError):
    """A data set that does not hold what was asked of it."""


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
        augmented: an altered copy of another photo: it may only train.
    """

    path: Path
    label: str
    split: str | None
    group: str
    source: str
    root: Path
    augmented: bool = False
    slow: ClassVar[bool] = False  # to read: worth several processes

    @property
    def relative(self) -> str:
        """Path from the parent of the data set, with forward slashes: what a run records."""
        return f"{self.source}/{self.path.relative_to(self.root).as_posix()}"

    @property
    def cache_name(self) -> str:
        """What tells its pixels from those of others, beside the hash."""
        return self.relative

    def read(self) -> Photo:
        """Its pixels.

        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
        """
        return read_photo(self.path)

    def read_with_bands(self, num_bands: int, scale: float) -> tuple[Photo, np.ndarray | None]:
        """Its pixels, and its reflectance (C, h, w) float32; None where no file of bands belongs to it.

        Args:
            num_bands, scale: of `read_bands`.
        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
            InvalidBandsError: its bands cannot be read, or are not those of this photo.
        """
        photo, bands = self.read(), find_bands(self.path, self.root)
        return photo, None if bands is None else read_bands(bands, num_bands, scale, photo.pixels.shape[:2])

    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return file_sha256(self.path)


@dataclass(frozen=True)
class DrawnSample(Sample):
    """One leaf of LeafSim, drawn whenever it is read; `path` is its address, where no file lies.

    Attributes:
        size: side of the picture in pixels.
    """

    size: int = field(default=DRAWN_PX, kw_only=True)
    slow: ClassVar[bool] = True

    @classmethod
    def of(cls, address: Address, early_stress: bool = False) -> "DrawnSample":
        """The leaf of an address, with the class that a color photo can show, or that the bands show."""
        path = Path(str(address))
        source = path.parent.as_posix().replace(":", "-").replace("/", "-")  # leafsim-v1-7
        return cls(path, plan(address).label(early_stress), address.split, str(address), source, path.parent)

    @property
    def relative(self) -> str:
        """The address: what a run records, and all it takes to draw the leaf again."""
        return self.path.as_posix()  # str of a Path has backslashes on Windows

    @property
    def cache_name(self) -> str:
        return f"{self.relative} at {self.size} px"

    def read(self) -> Photo:
        """Draws it."""
        return Photo(draw(Address.parse(self.relative), self.size).picture, self.sha256(), animated=False)

    def read_with_bands(self, num_bands: int, scale: float) -> tuple[Photo, np.ndarray | None]:
        """Draws it, with its bands.

        Raises:
            DataError: other bands are expected.
        """
        if (num_bands, scale) != (len(BANDS), 1):
            raise DataError(
                f"{self.relative} has {len(BANDS)} bands at scale 1, and {num_bands} at scale {scale:g} are expected"
            )
        leaf = draw(Address.parse(self.relative), self.size, bands=True)
        return Photo(leaf.picture, self.sha256(), animated=False), leaf.bands

    def sha256(self) -> str:
        """SHA-256 of the address, not of the pixels: those may differ in the last bit from machine to machine."""
        return hashlib.sha256(self.relative.encode()).hexdigest()


def readers(samples: list[Sample]) -> int:
    """Processes worth starting to read these samples."""
    return worth_starting(sum(sample.slow for sample in samples))


def read_samples(dirs: list[Path], split: str | None = None, early_stress: bool = False) -> list[Sample]:
    """All photos of several data sets.

    A data set is DIR/{train,val,test}/CLASS/*, DIR/CLASS/*, a CSV file with columns path, label (or class) and
    optionally split and group, or a folder with `Original Dataset` and `Augmented Dataset`. A manifest.csv inside a
    folder is ignored, and so are hidden folders. Where no files are, `leafsim:v1/<seed>/<first>-<last>` names leaves
    that are drawn when they are read.

    Args:
        dirs: folders, CSV files, or names of drawn leaves as paths.
        split: keep only this split; data sets without it are then refused.
        early_stress: name drawn leaves by what their bands show: then Early_stress is a class, which no picture shows.
    Returns:
        Samples sorted by data set in the order given, then by path.
    Raises:
        DataError: a data set is missing, holds no photos, or lacks the split; or two share a name, so that what a run
            records of their photos could not be told apart.
        AddressError: what begins like a name of drawn leaves is not one.
    """
    samples = [sample for place in dirs for sample in _read(Path(place), early_stress)]
    _refuse_same_names(samples)
    if split is None:
        return samples
    chosen = [sample for sample in samples if sample.split == split]
    if not chosen:
        known = sorted({sample.split for sample in samples if sample.split})
        names = ", ".join(str(d) for d in dirs)
        raise DataError(f"{names}: no photos in split {split!r}; splits here: {', '.join(known) or 'none'}")
    return chosen


def read_unlabeled(folders: list[Path]) -> list[Sample]:
    """Every photo below some folders, to learn from without labels.

    Returns:
        Samples of split "train" with the label "", sorted by folder in the order given, then by path.
    Raises:
        DataError: a folder is missing or holds no photos, or two share a name.
    """
    samples = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder")
        found = find_photos(folder)
        if not found:
            raise DataError(f"{folder}: no photos")
        samples += [Sample(path, "", "train", "", folder.resolve().name, folder) for path in found]
    _refuse_same_names(samples)
    return samples


def _refuse_same_names(samples: list[Sample]) -> None:
    seen: dict[str, Sample] = {}
    for sample in samples:
        other = seen.setdefault(sample.relative, sample)
        if other is not sample and other.path == sample.path:
            raise DataError(f"{sample.relative} is listed twice; name each photo once")
        if other is not sample:
            raise DataError(f"{other.root} and {sample.root} both hold {sample.relative}; rename one of the folders")


def _read(place: Path, early_stress: bool) -> list[Sample]:
    if place.as_posix().startswith(SCHEME):
        return [DrawnSample.of(address, early_stress) for address in Span.parse(place.as_posix())]
    if place.is_file() and place.suffix.lower() == ".csv":
        return _read_csv(place)
    if place.is_file():
        raise DataError(f"{place} is a file; name the folder that holds a folder a class, or a CSV file")
    if not place.is_dir():
        raise DataError(f"{place}: no such folder")
    name = place.resolve().name
    if (place / COTTON_ORIGINALS).is_dir():
        found = _classes_below(place / COTTON_ORIGINALS, None, name, place)
        copies = place / COTTON_COPIES
        found += [
            replace(s, augmented=True) for s in (_classes_below(copies, None, name, place) if copies.is_dir() else [])
        ]
        found = [replace(sample, group=_original_name(sample)) for sample in found]
    else:
        present = [split for split in SPLITS if (place / split).is_dir()]
        found = [
            s
            for split in present or [None]
            for s in _classes_below(place / split if split else place, split, name, place)
        ]
    if not found and any(path.suffix.lower() in SUFFIXES for path in place.iterdir()):
        raise DataError(f"{place}: its photos lie in no folder of a class; expected {place.name}/CLASS/*.jpg")
    if not found:
        raise DataError(f"{place}: no photos; expected {place.name}/CLASS/*.jpg or {place.name}/train/CLASS/*.jpg")
    return found


def _classes_below(base: Path, split: str | None, source: str, root: Path) -> list[Sample]:
    return [
        Sample(path, folder.name, split, "", source, root)
        for folder in sorted(d for d in base.iterdir() if d.is_dir() and not d.name.startswith("."))
        for path in find_photos(folder)
    ]


def _original_name(sample: Sample) -> str:
    """What an augmented copy shares with its original: the class and the digits of the name before any suffix."""
    number = re.match(r"\D*\d+", sample.path.stem)
    return f"{sample.label}/{number.group() if number else sample.path.stem}"


def _read_csv(file: Path) -> list[Sample]:
    """A manifest: paths are relative to the file."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, restval="")
            rows, columns = list(reader), set(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} is not a CSV file in UTF-8: {error}") from None
    label = next((name for name in ("label", "class") if name in columns), None)
    if "path" not in columns or label is None:
        raise DataError(
            f"{file}: expected columns path and label (or class), got {', '.join(sorted(columns)) or 'none'}"
        )
    if not rows:
        raise DataError(f"{file}: no photos; expected one a line below the names of the columns")
    root, samples = file.parent, []
    for number, row in enumerate(rows, 2):
        path = root / row["path"]
        if not path.resolve().is_relative_to(root.resolve()):
            raise DataError(f"{file}: line {number} leads out of the folder: {row['path']}")
        if not path.is_file():
            raise DataError(f"{file}: line {number} names a file that is not there: {row['path']}")
        if not row[label]:
            raise DataError(f"{file}: line {number} has no {label}: {row['path']}")
        split = row["split"] or None if "split" in columns else None
        if split not in (None, *SPLITS):
            raise DataError(f"{file}: line {number} has split {split!r}; expected {', '.join(SPLITS)} or nothing")
        samples.append(
            Sample(path, row[label], split, row["group"] if "group" in columns else "", root.resolve().name, root)
        )
    return sorted(samples, key=lambda sample: sample.relative)


def class_names(samples: list[Sample]) -> list[str]:
    """The sorted union of the samples' classes."""
    return sorted({sample.label for sample in samples})


def plants_known(samples: list[Sample]) -> bool:
    """Whether every photo says which plant (or series) it shows; else photos of one plant may be on both sides."""
    return all(sample.group for sample in samples)


def with_groups(samples: list[Sample], groups: list[str]) -> list[Sample]:
    """The same samples with their groups set."""
    return [replace(sample, group=group) for sample, group in zip(samples, groups, strict=True)]


def groups_from_csv(samples: list[Sample], file: Path) -> list[str]:
    """The group of each sample, from a table with the columns path and group.

    Args:
        file: CSV in UTF-8; paths are those below the data set, `Tomato___Late_blight/IMG_1.jpg`. Rows of other photos
            are not used.
    Raises:
        DataError: the file cannot be read, a column or a photo is missing, or a photo has two groups or none.
    """
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, restval="")
            rows, columns = list(reader), set(reader.fieldnames or ())
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} is not a CSV file in UTF-8: {error}") from None
    if not {"path", "group"} <= columns:
        raise DataError(f"{file}: expected columns path and group, got {', '.join(sorted(columns)) or 'none'}")
    known: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if not row["group"]:
            raise DataError(f"{file}: line {number} has no group: {row['path']}")
        if known.setdefault(row["path"], row["group"]) != row["group"]:
            raise DataError(f"{file}: line {number} puts {row['path']} into a second group")
    below = [sample.path.relative_to(sample.root).as_posix() for sample in samples]
    missing = [path for path in below if path not in known]
    if missing:
        near = difflib.get_close_matches(missing[0], known, 1)
        hint = f"; the nearest of its paths is {near[0]}" if near else ""
        raise DataError(
            f"{file} has no group for {len(missing)} of {len(samples)} photos, the first is {missing[0]}{hint}"
        )
    return [known[path] for path in below]


def groups_from_names(samples: list[Sample], pattern: str) -> list[str]:
    """The group of each sample, read off its relative path.

    Args:
        pattern: a regular expression; its first group is taken, or the whole match where it has none.
    Raises:
        DataError: the pattern is not one, or finds nothing in the path of a photo.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--group-from {pattern!r} is not a regular expression: {error}") from None
    groups = []
    for sample in samples:
        match = expression.search(sample.relative)
        if match is None:
            raise DataError(f"--group-from {pattern!r} does not match {sample.relative}")
        group = match.group(1) if expression.groups else match.group()
        if not group:  # as from '(plant)?': it would pass for a plant that is not known
            raise DataError(f"--group-from {pattern!r} finds nothing in {sample.relative}")
        groups.append(group)
    return groups
