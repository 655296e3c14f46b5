"""How much of the feature space a map keeps."""

import numpy as np

from hvit.feature_space.neighbors import nearest_others

NEIGHBORS = 10
MOST_SAMPLES = 4000  # that trustworthiness compares, each with each


def trustworthiness(features: np.ndarray, coordinates: np.ndarray, seed: int = 0) -> tuple[float, int]:
    """Whether neighbors on the map are neighbors in feature space too (Venna & Kaski 2001): 1 is best.

    Args:
        features: (N, D).
        coordinates: (N, 2).
        seed: of the draw of samples where there are more than 4,000, as every pair is compared.
    Returns:
        The value, over 10 neighbors or fewer where there are not enough, and the number of samples it was computed on.
    """
    from sklearn.manifold import trustworthiness as of_all

    chosen = np.arange(len(features))
    if len(chosen) > MOST_SAMPLES:
        chosen = np.sort(np.random.default_rng(seed).choice(len(features), MOST_SAMPLES, replace=False))
    count = min(NEIGHBORS, (len(chosen) - 1) // 2)  # sklearn asks for fewer than half of the samples
    return float(of_all(features[chosen], coordinates[chosen], n_neighbors=count)), len(chosen)


def neighbor_accuracy(neighbors: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose class is the most frequent one among their neighbors.

    Args:
        neighbors: rows of the nearest other samples, nearest first, (N, k).
        labels: class names or numbers, (N,).
    """
    numbers = np.unique(labels, return_inverse=True)[1]
    votes = np.zeros((len(numbers), numbers.max() + 1))
    for column in range(neighbors.shape[1]):
        # A vote of a nearer neighbor weighs a little more, so that a tie goes to the nearer class.
        np.add.at(votes, (np.arange(len(numbers)), numbers[neighbors[:, column]]), 1 - 1e-6 * column)
    return float((votes.argmax(1) == numbers).mean())


def kept_neighbors(true: np.ndarray, other: np.ndarray) -> float:
    """Share of the true neighbors, (N, k) rows, that are among others, (N, k)."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(true, other)]))


def map_neighbors(coordinates: np.ndarray, count: int) -> np.ndarray:
    """Rows of the nearest other samples on the map, (N, count)."""
    return nearest_others(coordinates, count)[1]
