"""Checks of a data set before training: leaks between splits, duplicates, unreadable files, background bias."""

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from hvit.data.datasets.reading import DataError, Sample, class_names, plants_known
from hvit.data.inspection.balance import photo_roles
from hvit.data.inspection.duplicates import Fingerprints, near_duplicate_pairs, reduced
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.processes import run_in_order
from hvit.runs import Run, RunError
from hvit.runs.layout import DATA_CHECK
from hvit.runs.results import record_results
from hvit.untrusted import UntrustedFileError, check_fields, inside, read_json
from hvit.untrusted.fields import BOOLEAN, SECTION, SHARE, TEXT, integer, list_of

CORNER_PX, CORNER_PHOTO_PX, NEIGHBORS = 6, 80, 7
COUNT = integer(0).needed()
NEEDED = {
    "photos", "unreadable", "exact_copies", "near_duplicates", "conflicting_labels", "leaks", "plants_known",
    "background_control", "photos_of_run", "photos_of_run_checked",
}  # fmt: skip
_PAIRS = list_of(list_of(TEXT, "paths", 2), "pairs of paths").needed()
_FOUND = ("exact_copies", "near_duplicates", "conflicting_labels", "leaks.exact", "leaks.near", "leaks.group")
FIELDS = {
    **dict.fromkeys(("photos", "photos_of_run", "photos_of_run_checked"), COUNT),
    "unreadable": list_of(SECTION, "photos").needed(),
    "plants_known": BOOLEAN,
    "leaks": SECTION.needed(),
    **dict.fromkeys(_FOUND, SECTION.needed()),
    **dict.fromkeys((f"{name}.count" for name in _FOUND), COUNT),
    **dict.fromkeys((f"{name}.first" for name in _FOUND if name != "leaks.group"), _PAIRS),
    "background_control": SECTION,
    **dict.fromkeys(("background_control.top1", "background_control.largest_class"), SHARE.needed()),
    "background_control.n": COUNT,
}
LISTED = 50  # pairs of each kind in a report; all are counted


def check(
    samples: list[Sample], progress: Callable[[int, int], None] = lambda done, total: None, workers: int = 1
) -> dict[str, Any]:
    """Checks a data set; returns a report for JSON.

    Args:
        samples: from `read_samples`, with groups where plants are known.
        progress: called with the photos read and their number.
        workers: number of processes.
    Returns:
        photos, classes {name: {split: n}}, unreadable, exact_copies, conflicting_labels, leaks {exact, near, group},
        near_duplicates, plants_known, background_control {top1, n, largest_class}. Of each kind of pair the first 50
        are listed, and all are counted; conflicting pairs have their `classes`.
    Raises:
        DataError: no photo can be read.
    """
    readable: list[Sample] = []
    hashes: list[str] = []
    unreadable: list[dict[str, str]] = []
    corners, prints = [], []
    photos = run_in_order([sample.read for sample in samples], workers)
    for done, (sample, photo_of) in enumerate(zip(samples, photos), 1):
        progress(done, len(samples))
        try:
            photo = photo_of()
        except InvalidPhotoError as error:
            unreadable.append({"path": sample.relative, "reason": str(error)})
            continue
        readable.append(sample)
        hashes.append(photo.sha256)
        prints.append(reduced(photo.pixels))
        corners.append(corner_patches(photo.pixels))
    if not readable:
        raise DataError("none of the photos can be read")
    labels = np.unique([sample.label for sample in readable], return_inverse=True)[1]
    exact = _exact_pairs(hashes)
    pairs = near_duplicate_pairs(Fingerprints.of(prints), labels).tolist()
    near = [(i, j) for i, j in pairs if hashes[i] != hashes[j]]
    return {
        "photos": len(samples),
        "classes": _counts(samples),
        "unreadable": unreadable,
        "exact_copies": _listed(exact, readable),
        "near_duplicates": _listed(near, readable),
        "conflicting_labels": _conflicts(exact, readable),
        "leaks": {
            "exact": _listed(_across_splits(exact, readable), readable),
            "near": _listed(_across_splits(near, readable), readable),
            "group": _groups_across_splits(readable),
        },
        "plants_known": plants_known(readable),
        "background_control": background_report(readable, np.stack(corners)),
    }


def record_check(run: Run, report: dict[str, Any], samples: list[Sample]) -> dict[str, Any]:
    """Writes a report into a run, with the number of its photos that were checked.

    Args:
        report: from `check`, on `samples`.
    Returns:
        The written document: the report, `photos_of_run` and `photos_of_run_checked`.
    Raises:
        DataError: the run recorded none of these photos.
    """
    known, seen = {part.sha256 for part in photo_roles(run)}, {sample.sha256() for sample in samples}
    if not known & seen:
        raise DataError(
            f"none of these photos is among the {len(known):,} that run {run.name} recorded; check those of the run"
        )
    document = report | {"photos_of_run": len(known), "photos_of_run_checked": len(known & seen)}
    record_results(run.path, {DATA_CHECK: document})
    return document


def recorded_check(run: Run) -> dict[str, Any] | None:
    """Reads the document of `record_check`; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    again = "make it again: python -m hvit data check --save-to"
    try:
        document: dict[str, Any] = read_json(inside(run.path, DATA_CHECK), nan="null")
        if set(NEEDED) <= set(check_fields(document, FIELDS)):
            return document
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UntrustedFileError as error:
        raise RunError(f"{DATA_CHECK} of run {run.name} {error}; {again}") from None
    raise RunError(f"{DATA_CHECK} of run {run.name} is damaged; {again}")


def background_control(
    samples: list[Sample], progress: Callable[[int, int], None] = lambda done, total: None, workers: int = 1
) -> float | None:
    """Test accuracy of a classifier on the image corners alone; see `background_report`.

    Raises:
        InvalidPhotoError: a photo cannot be read.
    """
    corners = []
    for corners_of in run_in_order([partial(_corners, sample) for sample in samples], workers):
        corners.append(corners_of())
        progress(len(corners), len(samples))
    report = background_report(samples, np.stack(corners))
    return None if report is None else report["top1"]


def background_report(samples: list[Sample], corners: np.ndarray) -> dict[str, Any] | None:
    """Accuracy of a 7-nearest-neighbor classifier on four corner patches: bias of the background.

    Args:
        samples: photos; accuracy is that on test, the others are the training set.
        corners: from `corner_patches`, (N, 432).
    Returns:
        {"top1", "n", "largest_class"}: the last is the accuracy of always predicting the most frequent class of test.
        None without a test set or without other samples.
    """
    splits = np.array([sample.split or "" for sample in samples])
    train, test = np.flatnonzero((splits == "train") | (splits == "val")), np.flatnonzero(splits == "test")
    if not len(train) or not len(test):
        return None
    from sklearn.neighbors import KNeighborsClassifier

    labels = np.array([sample.label for sample in samples])
    neighbors = KNeighborsClassifier(min(NEIGHBORS, len(train)), weights="distance", algorithm="brute")
    neighbors.fit(corners[train], labels[train])
    right = neighbors.predict(corners[test]) == labels[test]
    largest = max(Counter(labels[test]).values()) / len(test)
    return {"top1": float(right.mean()), "n": len(test), "largest_class": largest}


def _corners(sample: Sample) -> np.ndarray:
    return corner_patches(sample.read().pixels)


def corner_patches(pixels: np.ndarray) -> np.ndarray:
    """Four 6x6 patches in the corners of the photo at 80x80, (432,) float32."""
    side = CORNER_PHOTO_PX
    small = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))  # antialiased
    ends = (slice(None, CORNER_PX), slice(-CORNER_PX, None))
    return np.concatenate([small[rows, columns].reshape(-1) for rows in ends for columns in ends]).astype(np.float32)


def _counts(samples: list[Sample]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in class_names(samples)}
    for sample in samples:
        counts[sample.label][sample.split or "all"] += 1
    return {name: dict(count) for name, count in counts.items()}


def _exact_pairs(hashes: list[str]) -> list[tuple[int, int]]:
    """Pairs of the first file and each copy of the same content."""
    first: dict[str, int] = {}
    pairs = []
    for i, sha256 in enumerate(hashes):
        if sha256 in first:
            pairs.append((first[sha256], i))
        else:
            first[sha256] = i
    return pairs


def _across_splits(pairs: list[tuple[int, int]], samples: list[Sample]) -> list[tuple[int, int]]:
    return [(i, j) for i, j in pairs if samples[i].split and samples[j].split and samples[i].split != samples[j].split]


def _groups_across_splits(samples: list[Sample]) -> dict[str, Any]:
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.group and sample.split:
            splits[sample.group].add(sample.split)
    spread = sorted(group for group, seen in splits.items() if len(seen) > 1)
    return {"count": len(spread), "first": spread[:LISTED]}


def _conflicts(exact: list[tuple[int, int]], samples: list[Sample]) -> dict[str, Any]:
    """Exact copies with another class, listed with the class of each of the two."""
    pairs = [(i, j) for i, j in exact if samples[i].label != samples[j].label]
    return _listed(pairs, samples) | {"classes": [[samples[i].label, samples[j].label] for i, j in pairs[:LISTED]]}


def _listed(pairs: list[tuple[int, int]], samples: list[Sample]) -> dict[str, Any]:
    first = [[samples[int(i)].relative, samples[int(j)].relative] for i, j in pairs[:LISTED]]
    return {"count": len(pairs), "first": first}
