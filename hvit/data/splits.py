"""Who learns, who selects, who calibrates: divisions by group, stratified, the same on every machine."""

import hashlib
from collections import defaultdict

import numpy as np

from hvit.data.dataset import Sample


def near_duplicate_groups(thumbnails: np.ndarray, rmse: float = 10.5) -> np.ndarray:
    """Groups photos whose 16x16 colour thumbnails, or mirrored ones, differ by less than `rmse`.

    Args:
        thumbnails: (N, 16, 16, 3), 0 to 255.
        rmse: largest root mean square difference of two photos of one group.
    Returns:
        Group number of each photo, (N,); the smallest index in the group.
    """
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    mirrored = thumbnails[:, :, ::-1].reshape(len(thumbnails), -1).astype(np.float32)
    group = np.arange(len(flat))
    squares = (flat**2).sum(1)
    for other in (flat, mirrored):
        distance = (squares[:, None] + (other**2).sum(1)[None] - 2 * flat @ other.T) / flat.shape[1]
        for i, j in zip(*np.nonzero(np.triu(distance < rmse**2, 1))):
            low, high = sorted((group[i], group[j]))
            if low != high:
                group[group == high] = low
    return group


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


def _order(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()
