"""Class orders that bring confused classes together, and the most frequent confusions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.classes import crop_of, is_healthy, spoken


@dataclass(frozen=True)
class Confusion:
    """Photos of one class predicted as another.

    Attributes:
        true, named: class numbers.
        count: photos.
        n: photos of the true class.
    """

    true: int
    named: int
    count: int
    n: int


def most_frequent(confusion: np.ndarray, at_most: int) -> list[Confusion]:
    """Off-diagonal entries of a confusion matrix by count, then by share of their class; zeros are left out.

    Args:
        confusion: (K, K), rows are true classes.
        at_most: how many.
    """
    n = confusion.sum(1)
    cells = [(int(i), int(j)) for i, j in zip(*np.nonzero(confusion)) if i != j]
    cells.sort(key=lambda cell: (-confusion[cell], -confusion[cell] / n[cell[0]], cell))
    return [Confusion(i, j, int(confusion[i, j]), int(n[i])) for i, j in cells[:at_most]]


def order_by_crop(classes: Sequence[str]) -> list[int]:
    """Class indices by crop, healthy first, then by name."""
    return sorted(
        range(len(classes)), key=lambda k: (crop_of(classes[k]), not is_healthy(classes[k]), spoken(classes[k]))
    )


def order_by_similarity(confusion: np.ndarray) -> list[int]:
    """Class indices ordered so that often confused classes are neighbors.

    Average-linkage clustering with the distance 1 - mean share of photos confused in both directions, in optimal leaf
    order (Bar-Joseph et al. 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(confusion) < 3:
        return list(range(len(confusion)))
    rates = row_rates(confusion)
    distance = 1 - (rates + rates.T) / 2
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance), "average", optimal_ordering=True)).tolist()


def row_rates(confusion: np.ndarray) -> np.ndarray:
    """Row-normalized confusion matrix, (K, K); a row without photos is 0."""
    return confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
