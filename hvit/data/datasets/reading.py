"""Reads data sets, of photos or of drawn leaves, into samples in an order that is the same on every machine."""

import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hvit.data.datasets.folders import DataError, clean_name, list_photos, listed
from hvit.data.datasets.layouts import SPLITS, read_layout, split_named
from hvit.data.datasets.manifests import WORKBOOKS, clean_path, groups_in_table, read_manifest
from hvit.data.datasets.samples import RENDER_PX, RenderedSample, Sample, readers
from hvit.data.leafsim import SCHEME, Span

__all__ = [
    "RENDER_PX",
    "SPLITS",
    "DataError",
    "RenderedSample",
    "Sample",
    "case_warnings",
    "check_classes",
    "class_names",
    "groups_from_csv",
    "groups_from_names",
    "of_split",
    "plants_known",
    "read_samples",
    "read_unlabeled",
    "readers",
    "say_nothing",
    "say_on_stderr",
    "spelled_as",
    "with_groups",
]


def say_on_stderr(line: str) -> None:
    """Where notes on a data set go unless a program takes them."""
    print(line, file=sys.stderr, flush=True)


def say_nothing(line: str) -> None:
    """For processes beside the first, and where the same folder was read before."""


def read_samples(
    dirs: list[Path],
    split: str | None = None,
    early_stress: bool = False,
    say: Callable[[str], None] = say_on_stderr,
) -> list[Sample]:
    """Reads the samples of several data sets.

    A data set is DIR/{train,val,test}/CLASS/* (or other names of these splits, see `SPLIT_NAMES`), DIR/CLASS/*, a CSV
    file with columns path, label (or class) and optionally split and group, or a folder with `Original Dataset` and
    `Augmented Dataset`. A manifest.csv inside a folder is ignored. `leafsim:v1/<seed>/<first>-<last>` names leaves that
    are drawn when they are read.

    Args:
        dirs: folders, CSV files, or names of drawn leaves as paths.
        split: keep only this split; data sets without it are then refused.
        early_stress: name drawn leaves by what their bands show: then Early_stress is a class, which no picture shows.
        say: called with one line for each data set that has something passed over, and for each doubt.
    Returns:
        Samples sorted by data set in the order given, then by split and path.
    Raises:
        DataError: a data set is missing, holds no photos, lacks the split or is one folder too high; or two share a
            name, so that what a run records of their photos could not be told apart.
        AddressError: what begins like a name of drawn leaves is not one.
    """
    samples = [sample for place in dirs for sample in _read(Path(place), early_stress, say)]
    _refuse_same_names(samples)
    for line in case_warnings(class_names(samples)):
        say(line)
    return samples if split is None else of_split(samples, split, dirs)


def of_split(samples: list[Sample], split: str, dirs: list[Path]) -> list[Sample]:
    """The samples of one split; `dirs` are named in the error.

    Raises:
        DataError: there are none.
    """
    wanted = split_named(split) or split
    chosen = [sample for sample in samples if sample.split == wanted]
    if not chosen:
        known = sorted({sample.split for sample in samples if sample.split})
        names = ", ".join(str(d) for d in dirs)
        raise DataError(f"{names}: no photos in split {split!r}; splits here: {', '.join(known) or 'none'}")
    return chosen


def case_warnings(classes: list[str]) -> list[str]:
    """A line for each group of class names that differ by case only."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(name.casefold(), []).append(name)
    return [
        f"{' and '.join(names)} differ by case only, and are read as {len(names)} classes"
        for names in alike.values()
        if len(names) > 1
    ]


def check_classes(samples: list[Sample], dirs: list[Path]) -> None:
    """Refuses data sets that hold one class only: nothing could be told apart.

    Raises:
        DataError: they do.
    """
    classes = class_names(samples)
    if len(classes) < 2:
        places = listed([str(place) for place in dirs])
        raise DataError(
            f"{places}: {', '.join(classes) or 'none'} is the only class; expected a folder for each of two or more"
        )


def spelled_as(samples: list[Sample], classes: Sequence[str]) -> list[Sample]:
    """The samples with their classes spelled as a run spells them: older runs keep outer spaces and NFD."""
    spelling = {clean_name(name): name for name in classes}
    return [replace(s, label=spelling[s.label]) if s.label in spelling else s for s in samples]


def read_unlabeled(folders: list[Path], say: Callable[[str], None] = say_on_stderr) -> list[Sample]:
    """Reads every photo below some folders, to learn from without labels.

    Args:
        say: called with one line for each folder in which something was passed over.
    Returns:
        Samples of split "train" with the label "", sorted by folder in the order given, then by path.
    Raises:
        DataError: a folder is missing or holds no photos, or two share a name.
    """
    samples = []
    for folder in map(Path, folders):
        _check_folder(folder)
        listing = list_photos(folder)
        if listing.note:
            say(listing.note)
        if not listing.photos:
            raise DataError(f"{folder}: no photos")
        samples += [Sample(path, "", "train", "", folder.resolve().name, folder) for path in listing.photos]
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


def _read(place: Path, early_stress: bool, say: Callable[[str], None]) -> list[Sample]:
    if place.as_posix().startswith(SCHEME):
        return [RenderedSample.of(address, early_stress) for address in Span.parse(place.as_posix())]
    if place.is_file() and place.suffix.lower() in {".csv", *WORKBOOKS}:
        return _read_manifest(place, say)
    _check_folder(place)
    layout = read_layout(place)
    for note in layout.notes:
        say(note)
    name = place.resolve().name
    samples = [Sample(p.path, p.label, p.split, "", name, place, p.augmented) for p in layout.photos]
    return with_groups(samples, [_original_name(s) for s in samples]) if layout.has_originals else samples


def _check_folder(place: Path) -> None:
    if place.is_file():
        raise DataError(f"{place} is a file; name the folder that holds a folder a class, or a CSV file")
    if place.exists() and not place.is_dir():
        raise DataError(f"{place} is neither a folder nor a CSV file")
    if not place.is_dir():
        raise DataError(f"{place}: no such folder")


def _original_name(sample: Sample) -> str:
    """What an augmented copy shares with its original: the class and the digits of the name before any suffix."""
    number = re.match(r"\D*\d+", sample.path.stem)
    return f"{sample.label}/{number.group() if number else sample.path.stem}"


def _read_manifest(file: Path, say: Callable[[str], None]) -> list[Sample]:
    rows, notes = read_manifest(file)
    for note in notes:
        say(note)
    root, source = file.parent, file.parent.resolve().name
    samples = [Sample(row.path, row.label, row.split, row.group, source, root) for row in rows]
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
        file: CSV; paths are those below the data set, `Tomato___Late_blight/IMG_1.jpg`. Rows of other photos are not
            used.
    Raises:
        DataError: the file cannot be read, a column or a photo is missing, or a photo has two groups or none.
    """
    known = groups_in_table(file)
    below = [clean_path(sample.path.relative_to(sample.root).as_posix()) for sample in samples]
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
