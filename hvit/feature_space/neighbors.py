"""Exact nearest neighbors in feature space, by Euclidean distance."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """L2-normalizes embeddings (N, C) to float32: Euclidean distances are then in [0, 2], monotonic in the angle.

    >>> unit_vectors(np.array([[3.0, 4.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    normalized: np.ndarray = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    return normalized


def nearest_others(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest neighbors of each sample among the others, nearest first.

    Args:
        features: (N, D).
        count: below N.
    Returns:
        Distances (N, count) float32 and rows (N, count).
    """
    distances, rows = _index(features, count).kneighbors()  # without an argument, a sample is not its own neighbor
    return distances.astype(np.float32), rows


def nearest_to(queries: np.ndarray, features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest neighbors of query vectors among samples, nearest first.

    >>> nearest_to(np.array([[0.9]]), np.array([[0.0], [1.0]]), 1)[1].tolist()
    [[1]]


    Args:
        queries: (M, D).
        features: (N, D).
        count: up to N.
    Returns:
        Distances (M, count) float32 and rows (M, count).
    """
    distances, rows = _index(features, count).kneighbors(np.ascontiguousarray(queries, dtype=np.float32))
    return distances.astype(np.float32), rows


def _index(features: np.ndarray, count: int) -> "NearestNeighbors":
    from sklearn.neighbors import NearestNeighbors

    features = np.ascontiguousarray(features, dtype=np.float32)
    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(features)
