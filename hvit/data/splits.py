"""Who learns, who selects, who calibrates: divisions by group, stratified, the same on every machine."""

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np

from hvit.data.dataset import SPLITS, Sample


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


def _order(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()
