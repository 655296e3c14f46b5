"""Quality of a two-dimensional embedding: trustworthiness, neighbor accuracy, and preserved neighbors."""

import numpy as np

from hvit.feature_space.neighbors import nearest_others

NEIGHBORS = 10
MAX_SAMPLES = 4000  # of trustworthiness, which compares all pairs


def trustworthiness(features: np.ndarray, coordinates: np.ndarray, seed: int = 0) -> tuple[float, int]:
    """Trustworthiness of the map (Venna & Kaski 2001): 1 if neighbors on the map are neighbors in feature space.

    Args:
        features: (N, D).
        coordinates: (N, 2).
        seed: of the random subset of 4,000 samples where there are more, as all pairs are compared.
    Returns:
        Trustworthiness over 10 neighbors (fewer for few samples), and the number of samples it was computed on.
    """
    from sklearn.manifold import trustworthiness as sklearn_trustworthiness

    chosen = np.arange(len(features))
    if len(chosen) > MAX_SAMPLES:
        chosen = np.sort(np.random.default_rng(seed).choice(len(features), MAX_SAMPLES, replace=False))
    count = min(NEIGHBORS, (len(chosen) - 1) // 2)  # scikit-learn needs fewer than half of the samples
    return float(sklearn_trustworthiness(features[chosen], coordinates[chosen], n_neighbors=count)), len(chosen)


def neighbor_accuracy(neighbors: np.ndarray, labels: np.ndarray) -> float:
    """Leave-one-out accuracy of a k-nearest-neighbor classifier.

    Args:
        neighbors: row indices of the nearest other samples, nearest first, (N, k).
        labels: class names or indices, (N,).

    >>> neighbor_accuracy(np.array([[1], [0], [0]]), np.array(["a", "a", "b"]))
    0.6666666666666666
    """
    numbers = np.unique(labels, return_inverse=True)[1]
    votes = np.zeros((len(numbers), numbers.max() + 1))
    for column in range(neighbors.shape[1]):
        # Nearer neighbors have slightly larger weights, which break ties.
        np.add.at(votes, (np.arange(len(numbers)), numbers[neighbors[:, column]]), 1 - 1e-6 * column)
    return float((votes.argmax(1) == numbers).mean())


def kept_neighbors(true: np.ndarray, other: np.ndarray) -> float:
    """Fraction of the true neighbors, row indices (N, k), that are among the other neighbors, (N, k)."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(true, other)]))


def map_neighbors(coordinates: np.ndarray, count: int) -> np.ndarray:
    """Row indices of the nearest neighbors on the map, (N, count)."""
    return nearest_others(coordinates, count)[1]
