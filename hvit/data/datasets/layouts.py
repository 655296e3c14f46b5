"""Detects splits and classes from the folder structure of a data set."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hvit.data.datasets.folders import DataError, Listing, clean_name, describe, list_photos, listed

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
COTTON_ORIGINALS, COTTON_COPIES = "original dataset", "augmented dataset"  # the layout of SAR-CLD-2024
# Folders with these names hold versions or metadata of photos, and no classes.
VERSIONS = (
    "color", "colour", "rgb", "original", "originals", "raw", "images", "image", "grayscale", "greyscale", "gray",
    "grey", "segmented", "segmentation", "augmented", "masks", "mask", "labels", "annotations", "resized", "cropped",
)  # fmt: skip
# Other files of `hvit data synthesize`.
BESIDE_SPLITS = frozenset({"masks", "bands"})
NO_SPLIT = "in no split: rename the folder to train, val or test where it is one"
NO_PART = f"beside {COTTON_ORIGINALS} and {COTTON_COPIES}"
NO_CLASS = "in no folder of a class"
SPLIT_ONLY = "named like a split, without folders of classes in it"
EMPTY = "a folder without photos"


@dataclass(frozen=True)
class LabeledPhoto:
    """A photo with the label and split of its folders; fields as in `hvit.data.datasets.reading.Sample`."""

    path: Path
    label: str
    split: str | None = None
    augmented: bool = False


@dataclass(frozen=True)
class Layout:
    """The labeled photos of a data set.

    Attributes:
        photos: by split (train, val, test), then by path.
        notes: sentences for the user on skipped files and suspicious structure.
        has_originals: whether file names identify the original of an augmented copy.
    """

    photos: list[LabeledPhoto]
    notes: list[str]
    has_originals: bool


def split_named(name: str) -> str | None:
    """Standard split of a folder name; None for other names.

    >>> split_named("Training"), split_named("dev"), split_named("leaves")
    ('train', 'val', None)
    """
    return SPLIT_NAMES.get(clean_name(name).casefold())


def read_layout(place: Path) -> Layout:
    """Reads DIR/{train,val,test}/CLASS/*, DIR/CLASS/* or SAR-CLD-2024, at any depth below CLASS.

    Raises:
        DataError: no photo lies in a folder of a class, two folders mean the same split, or the only class holds
            folders that look like the classes.
        OSError: the folder cannot be opened.
    """
    listing = list_photos(place)
    tops = _folders_at(listing, 1)
    check_one_folder_a_split(place, tops)
    named = {name: split for name in tops if (split := split_named(name))}
    cotton = {name for name in tops if clean_name(name).casefold() in (COTTON_ORIGINALS, COTTON_COPIES)}
    if any(clean_name(name).casefold() == COTTON_ORIGINALS for name in cotton):
        photos, outer, why_not, depth = _cotton(listing), cotton, NO_PART, 2
    elif any(parts[0] in named and len(parts) > 2 for parts in map(listing.relative, listing.photos)):
        photos, outer, why_not, depth = _in_splits(listing, named), set(named), NO_SPLIT, 2
    else:
        photos, outer, why_not, depth = _in_classes(listing, named), set(tops) - set(named), SPLIT_ONLY, 1
    known = outer | BESIDE_SPLITS if why_not == NO_SPLIT else outer
    beside = Counter(p[0] for p in map(listing.relative, listing.photos) if len(p) > 1 and p[0] not in known)
    loose = [
        p
        for p in map(listing.relative, listing.photos)
        if len(p) <= depth and p[0] not in beside and (p[0] in outer or p[0] not in known)
    ]
    found = {
        why_not: [f"{name} ({count} photos)" for name, count in sorted(beside.items())],
        NO_CLASS: ["/".join(parts) for parts in loose],
        EMPTY: _empty(listing, depth, outer),
    }
    note = describe(place, listing.passed_over | {reason: names for reason, names in found.items() if names})
    if not photos:
        raise DataError(_no_photos(listing, named, note))
    notes = [*([note] if note else []), *_check_depth(listing, photos, depth), *_merged(listing, photos, depth)]
    return Layout(photos, notes, why_not == NO_PART)


def _folders_at(listing: Listing, depth: int) -> list[str]:
    """Names, relative to the data set, of the folders at a depth below it, with photos or without."""
    parts = map(listing.relative, listing.folders)
    return ["/".join(each) for each in parts if len(each) == depth]


def check_one_folder_a_split(place: Path, tops: list[str]) -> None:
    """Checks that no two folders of a data set are named as the same split.

    Raises:
        DataError: two are; names them.
    """
    of_split: dict[str, list[str]] = {}
    for name in tops:
        if split := split_named(name):
            of_split.setdefault(split, []).append(name)
    for split, names in of_split.items():
        if len(names) > 1:
            raise DataError(
                f"{place} holds {' and '.join(names)}, which are names of one split ({split}); "
                "put their photos into one folder, or rename the other"
            )


def _in_splits(listing: Listing, named: dict[str, str]) -> list[LabeledPhoto]:
    found = []
    for path in listing.photos:
        top, *rest = listing.relative(path)
        if top in named and len(rest) > 1:
            found.append(LabeledPhoto(path, clean_name(rest[0]), named[top]))
    return sorted(found, key=lambda photo: (SPLITS.index(photo.split), photo.path.parts))


def _in_classes(listing: Listing, named: dict[str, str]) -> list[LabeledPhoto]:
    """Photos at least one folder deep; a folder that is named like a split is never a class."""
    found = []
    for path in listing.photos:
        top, *rest = listing.relative(path)
        if rest and top not in named:
            found.append(LabeledPhoto(path, clean_name(top)))
    return found


def _cotton(listing: Listing) -> list[LabeledPhoto]:
    found = []
    for path in listing.photos:
        top, *rest = listing.relative(path)
        kind = clean_name(top).casefold()
        if kind in (COTTON_ORIGINALS, COTTON_COPIES) and len(rest) > 1:
            found.append(LabeledPhoto(path, clean_name(rest[0]), augmented=kind == COTTON_COPIES))
    return sorted(found, key=lambda photo: (photo.augmented, photo.path.parts))


def _empty(listing: Listing, depth: int, outer: set[str]) -> list[str]:
    """Folders in the place of a class, or above one, below which there is no photo.

    Args:
        outer: folders directly below the data set that hold classes (or are such).
    """
    parts_of_photos = [listing.relative(path) for path in listing.photos]
    filled = {parts[:1] for parts in parts_of_photos} | {parts[:depth] for parts in parts_of_photos}
    places = [parts for parts in map(listing.relative, listing.folders) if len(parts) in (1, depth)]
    empty = [parts for parts in places if parts not in filled]
    return ["/".join(p) for p in empty if len(p) == 1 or (p[0] in outer and p[:1] in filled)]


def _no_photos(listing: Listing, named: dict[str, str], note: str | None) -> str:
    place = listing.folder
    inside = f"{place.name}/{next(iter(named))}" if named else place.name
    if listing.photos:
        return f"{place}: its photos lie in no folder of a class; expected {inside}/CLASS/*.jpg"
    reason = f" ({note.removeprefix(f'{place}: ')})" if note else ""
    return f"{place}: no photos; expected {place.name}/CLASS/*.jpg or {place.name}/train/CLASS/*.jpg{reason}"


def _merged(listing: Listing, photos: list[LabeledPhoto], depth: int) -> list[str]:
    """A line for each class that folders of several spellings name."""
    written: dict[str, set[str]] = {}
    for photo in photos:
        written.setdefault(photo.label, set()).add(listing.relative(photo.path)[depth - 1])
    return [
        f"{listing.folder}: the folders {' and '.join(map(ascii, sorted(names)))} are one class, {label} (names are "
        "compared without spaces around them, and accents in one form, NFC)"
        for label, names in sorted(written.items())
        if len(names) > 1
    ]


def _check_depth(listing: Listing, photos: list[LabeledPhoto], depth: int) -> list[str]:
    """Warns of classes that hold folders which look like the classes.

    Raises:
        DataError: the only class does, so that there is nothing to classify.
    """
    below: dict[str, list[tuple[str, ...]]] = {}
    places: dict[str, str] = {}
    for photo in photos:
        parts = listing.relative(photo.path)
        below.setdefault(photo.label, []).append(parts[depth:])
        places.setdefault(photo.label, "/".join(parts[:depth]))
    nested = {label: found for label, paths in below.items() if (found := classes_below(paths))}
    if len(below) == 1 and nested:
        (label, (inside, names)), place = nested.popitem(), listing.folder
        right = "/".join((places[label], *inside))
        what = f"{place}: the only class is {label}; its photos lie in folders of their own ({listed(names)})"
        if depth == 1:
            raise DataError(f"{what}: did you mean {place / right}?")
        raise DataError(f"{what}: move the folders of {place / right} up into {place / right.partition('/')[0]}")
    if nested:
        return [_nested_warning(listing.folder, nested, places)]
    versions = [label for label in below if label.casefold() in VERSIONS]
    if versions and len(versions) == len(below):
        return [f"{listing.folder}: its classes are {listed(sorted(versions), 5)}, which are no names of diseases"]
    return []


def _nested_warning(place: Path, nested: dict[str, tuple[tuple[str, ...], list[str]]], places: dict[str, str]) -> str:
    order = sorted(nested, key=lambda name: (VERSIONS + (name.casefold(),)).index(name.casefold()))
    label = order[0]
    inside, names = nested[label]
    read_as = "are read as classes" if len(nested) > 1 else "is read as a class"
    return (
        f"{place}: {listed(sorted(nested), 5)} {read_as}, with photos in folders of their own ({listed(names)}); if "
        f"those are the classes, name {place / '/'.join((places[label], *inside))}"
    )


def classes_below(paths: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], list[str]] | None:
    """Finds a folder inside a class that looks like a data set itself, and the names of its classes.

    Folders of sessions and plants are usual below a class; their names hold digits (2024-05-02, plant7) and look like
    no class.

    Args:
        paths: of all photos of the class, relative to its folder, as parts.
    Returns:
        Parts of the folder, empty where it is that of the class, and names of its folders; None where there is none.
    """
    inside: tuple[str, ...] = ()
    paths = list(paths)
    while all(len(parts) > 1 for parts in paths):
        names = sorted({parts[0] for parts in paths})
        if len(names) == 1:
            inside, paths = (*inside, names[0]), [parts[1:] for parts in paths]
            continue
        if sum(not re.search(r"\d", name) for name in names) < 2 and not any(map(split_named, names)):
            return None
        version = next((name for known in VERSIONS for name in names if clean_name(name).casefold() == known), None)
        if version and (deeper := classes_below(parts[1:] for parts in paths if parts[0] == version)):
            return (*inside, version, *deeper[0]), deeper[1]
        return inside, names
    return None
