"""Reads data sets (folders, CSV manifests, ranges of rendered leaves) into samples, in a deterministic order."""

import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hvit.data.datasets.folders import DataError, clean_name, hint_if_not_shipped, list_photos, listed
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
    "log_nothing",
    "log_to_stderr",
    "spelled_as",
    "with_groups",
]


def log_to_stderr(line: str) -> None:
    """Prints a note on a data set to stderr, the default of the readers."""
    print(line, file=sys.stderr, flush=True)


def log_nothing(line: str) -> None:
    """Discards notes: for further processes, and where the same folder was read before."""


def read_samples(
    dirs: list[Path],
    split: str | None = None,
    early_stress: bool = False,
    log: Callable[[str], None] = log_to_stderr,
) -> list[Sample]:
    """Reads the samples of several data sets.

    A data set is DIR/{train,val,test}/CLASS/* (or other names of these splits, see `SPLIT_NAMES`), DIR/CLASS/*, a CSV
    file with columns path, label (or class) and optionally split and group, or a folder with `Original Dataset` and
    `Augmented Dataset`. A manifest.csv inside a folder is ignored. `leafsim:v1/<seed>/<first>-<last>` is a range of
    leaves that are rendered when they are read.

    Args:
        dirs: folders, CSV files, or ranges of rendered leaves as paths.
        split: keep only this split; a data set without it is an error.
        early_stress: label rendered leaves by their bands, with Early_stress as a class that RGB does not show.
        log: called with one line for each data set with skipped files, and for each warning.
    Returns:
        Samples sorted by data set in the order given, then by split and path.
    Raises:
        DataError: a data set is missing, has no photos, lacks the split or is nested one folder deeper; or two have the
            same name, so that their recorded paths would be ambiguous.
        AddressError: an invalid LeafSim address.
    """
    samples = [sample for place in dirs for sample in _read(Path(place), early_stress, log)]
    _check_unique_paths(samples)
    for line in case_warnings(class_names(samples)):
        log(line)
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
    """Warnings for class names that differ by case only."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(name.casefold(), []).append(name)
    return [
        f"{' and '.join(names)} differ by case only, and are read as {len(names)} classes"
        for names in alike.values()
        if len(names) > 1
    ]


def check_classes(samples: list[Sample], dirs: list[Path]) -> None:
    """Checks that data sets have at least two classes.

    Raises:
        DataError: they have one or none.
    """
    classes = class_names(samples)
    if len(classes) < 2:
        places = listed([str(place) for place in dirs])
        raise DataError(
            f"{places}: {', '.join(classes) or 'none'} is the only class; expected a folder for each of two or more"
        )


def spelled_as(samples: list[Sample], classes: Sequence[str]) -> list[Sample]:
    """Renames classes to the spelling of a run: older runs have outer spaces and NFD."""
    spelling = {clean_name(name): name for name in classes}
    return [replace(s, label=spelling[s.label]) if s.label in spelling else s for s in samples]


def read_unlabeled(folders: list[Path], log: Callable[[str], None] = log_to_stderr) -> list[Sample]:
    """Reads all photos of some folders, for self-supervised pre-training.

    Args:
        log: called with one line for each folder with skipped files.
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
            log(listing.note)
        if not listing.photos:
            raise DataError(f"{folder}: no photos")
        samples += [Sample(path, "", "train", "", folder.resolve().name, folder) for path in listing.photos]
    _check_unique_paths(samples)
    return samples


def _check_unique_paths(samples: list[Sample]) -> None:
    seen: dict[str, Sample] = {}
    for sample in samples:
        other = seen.setdefault(sample.relative, sample)
        if other is not sample and other.path == sample.path:
            raise DataError(f"{sample.relative} is listed twice; name each photo once")
        if other is not sample:
            raise DataError(f"{other.root} and {sample.root} both hold {sample.relative}; rename one of the folders")


def _read(place: Path, early_stress: bool, log: Callable[[str], None]) -> list[Sample]:
    if place.as_posix().startswith(SCHEME):
        return [RenderedSample.of(address, early_stress) for address in Span.parse(place.as_posix())]
    if place.is_file() and place.suffix.lower() in {".csv", *WORKBOOKS}:
        return _read_manifest(place, log)
    _check_folder(place)
    layout = read_layout(place)
    for note in layout.notes:
        log(note)
    name = place.resolve().name
    samples = [Sample(p.path, p.label, p.split, "", name, place, p.augmented) for p in layout.photos]
    return with_groups(samples, [_original_name(s) for s in samples]) if layout.has_originals else samples


def _check_folder(place: Path) -> None:
    if place.is_file():
        raise DataError(f"{place} is a file; name the folder that holds a folder a class, or a CSV file")
    if place.exists() and not place.is_dir():
        raise DataError(f"{place} is neither a folder nor a CSV file")
    if not place.is_dir():
        what = "table" if place.suffix.lower() == ".csv" else "folder"
        raise DataError(f"{place}: no such {what}{hint_if_not_shipped(place)}")


def _original_name(sample: Sample) -> str:
    """Group of an augmented copy and its original: class, and the name up to its first number."""
    number = re.match(r"\D*\d+", sample.path.stem)
    return f"{sample.label}/{number.group() if number else sample.path.stem}"


def _read_manifest(file: Path, log: Callable[[str], None]) -> list[Sample]:
    rows, notes = read_manifest(file)
    for note in notes:
        log(note)
    root, source = file.parent, file.parent.resolve().name
    samples = [Sample(row.path, row.label, row.split, row.group, source, root) for row in rows]
    return sorted(samples, key=lambda sample: sample.relative)


def class_names(samples: list[Sample]) -> list[str]:
    """Sorted class names of samples."""
    return sorted({sample.label for sample in samples})


def plants_known(samples: list[Sample]) -> bool:
    """Whether all samples have a group (plant or series); otherwise a plant may be in several splits."""
    return all(sample.group for sample in samples)


def with_groups(samples: list[Sample], groups: list[str]) -> list[Sample]:
    """Sets the groups of samples."""
    return [replace(sample, group=group) for sample, group in zip(samples, groups, strict=True)]


def groups_from_csv(samples: list[Sample], file: Path) -> list[str]:
    """Reads the group of each sample from a CSV file with columns path and group.

    Args:
        file: CSV; paths are relative to the data set, `Tomato___Late_blight/IMG_1.jpg`. Other rows are ignored.
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
    """Extracts the group of each sample from its relative path.

    Args:
        pattern: regular expression; its first capture group, or the whole match where it has none.
    Raises:
        DataError: the pattern is invalid, or does not match the path of a photo.
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
        if not group:  # as from '(plant)?': an empty group means unknown
            raise DataError(f"--group-from {pattern!r} finds nothing in {sample.relative}")
        groups.append(group)
    return groups
