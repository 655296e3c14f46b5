"""Deterministic, stratified group splits: train/val/test, selection/calibration halves of val, and folds."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hvit.data.datasets.reading import SPLITS, Sample


def halves_of_val(samples: Sequence[Sample], calibrate_only: set[str], seed: int) -> np.ndarray:
    """Splits the validation set into a selection half and a calibration half.

    Groups are not divided; each (data set, class) is split as evenly as its groups allow.

    Args:
        samples: of the validation set, with groups.
        calibrate_only: names of data sets whose groups all go to the calibration half.
        seed: of the split.
    Returns:
        Mask of the selection half, (N,) bool.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        members[sample.group].append(i)
    strata: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    for indices in members.values():
        if not any(samples[i].source in calibrate_only for i in indices):
            strata[(samples[indices[0]].source, samples[indices[0]].label)].append(indices)
    selects = np.zeros(len(samples), dtype=bool)
    for stratum in sorted(strata):
        groups = sorted(strata[stratum], key=lambda indices: _order(samples[indices[0]].relative, seed))
        total, taken = sum(map(len, groups)), 0
        for indices in groups:
            if taken * 2 < total:
                selects[indices] = True
                taken += len(indices)
    return selects


def split_by_group(samples: list[Sample], shares: tuple[float, float, float], seed: int) -> list[Sample]:
    """Splits samples into train, val and test by group, stratified by class.

    Augmented copies stay only in train; in val and test they are dropped.

    Args:
        samples: with groups; all samples of a group have the same class.
        shares: fractions of train, val and test, summing to 1.
        seed: of the split.
    Returns:
        The samples with their splits, in the same order.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        members[sample.group].append(i)
    strata: dict[str, list[list[int]]] = defaultdict(list)
    for indices in members.values():
        strata[samples[indices[0]].label].append(indices)
    split: list[str | None] = [None] * len(samples)
    for label in sorted(strata):
        groups = sorted(strata[label], key=lambda indices: _order(samples[indices[0]].relative, seed))
        total = sum(map(len, groups))
        filled = [0, 0, 0]
        for indices in groups:
            lacking = [share * total - count for share, count in zip(shares, filled)]
            part = int(np.argmax(lacking))
            filled[part] += len(indices)
            for i in indices:
                split[i] = SPLITS[part]
    divided = [replace(sample, split=name) for sample, name in zip(samples, split)]
    return [sample for sample in divided if sample.split == "train" or not sample.augmented]


def folds_by_group(samples: list[Sample], num_folds: int, seed: int) -> np.ndarray:
    """Assigns samples to cross-validation folds by group, stratified by class.

    A class with two or more groups is in two or more folds, so that it is always in the training folds too.

    Args:
        samples: with groups.
        num_folds: at least 2.
        seed: of the split.
    Returns:
        Fold of each sample, 0 to `num_folds` - 1, (N,).
    """
    labels = np.unique([sample.label for sample in samples], return_inverse=True)[1]
    numbers = np.unique([sample.group for sample in samples], return_inverse=True)[1]
    counts = np.zeros((numbers.max() + 1, labels.max() + 1))  # photos of each class in each group
    np.add.at(counts, (numbers, labels), 1)
    first: dict[int, str] = {}
    for i, number in enumerate(numbers):
        first.setdefault(number, samples[i].relative)
    # Greedy, hardest first: groups of several classes, then large ones.
    order = sorted(first, key=lambda g: (-(counts[g] > 0).sum(), -counts[g].sum(), _order(first[g], seed)))
    held = np.zeros((num_folds, counts.shape[1]))
    fold_of = np.zeros(len(counts), dtype=int)
    for group in order:
        own = counts[group] > 0
        shares = (held[:, own] / counts[:, own].sum(0)).sum(1)
        fold_of[group] = min(range(num_folds), key=lambda fold: (shares[fold], held[fold].sum()))
        held[fold_of[group]] += counts[group]
    return fold_of[numbers]


def _order(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()
