"""Who learns, who selects, who calibrates: divisions by group, stratified, the same on every machine."""

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np

from hvit.data.datasets.reading import SPLITS, Sample


def halves_of_val(samples: list[Sample], calibrate_only: set[str], seed: int) -> np.ndarray:
    """Divides validation into a half that selects and a half that calibrates.

    Whole groups go to one side; each (data set, class) is divided as evenly as its groups allow. Groups with a photo of
    a data set in `calibrate_only` calibrate.

    Args:
        samples: with their groups set.
        calibrate_only: names of data sets whose validation photos never select.
        seed: of the division.
    Returns:
        True for the photos that select, (N,).
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
    """Divides photos into train, val and test: whole groups, each class as near to the shares as its groups allow.

    Augmented copies train, or are left out where their original does not train.

    Args:
        samples: with their groups set; of one group all have the same class.
        shares: of train, val and test, summing to 1.
        seed: of the division.
    Returns:
        The samples with their splits, without the copies left out, in the same order.
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
    """The fold of each photo, for cross-validation.

    Whole groups go to one fold, and each class is spread as evenly as its groups allow: a class with two groups or
    more is in two folds or more, so that it can always be learned from the others.

    Args:
        samples: with their groups set.
        num_folds: at least 2.
        seed: of the division.
    Returns:
        Numbers from 0 to `num_folds` - 1, (N,).
    """
    labels = np.unique([sample.label for sample in samples], return_inverse=True)[1]
    numbers = np.unique([sample.group for sample in samples], return_inverse=True)[1]
    counts = np.zeros((numbers.max() + 1, labels.max() + 1))  # photos of each class in each group
    np.add.at(counts, (numbers, labels), 1)
    first = {}
    for i, number in enumerate(numbers):
        first.setdefault(number, samples[i].relative)
    # What is hardest to place comes first: groups of several classes, then large ones.
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
