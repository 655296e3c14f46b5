"""Nearest samples in feature space, found exactly; distances are Euclidean."""

import numpy as np


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (N, C) at length 1, float32: distances then tell the angle between two, from 0 to 2."""
    embeddings = np.asarray(embeddings, dtype=np.float32)
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def nearest_others(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other samples of each sample, nearest first.

    Args:
        features: (N, D).
        count: below N.
    Returns:
        Distances (N, count) float32 and rows (N, count).
    """
    distances, rows = _index(features, count).kneighbors()  # without an argument, a sample is not its own neighbor
    return distances.astype(np.float32), rows


def nearest_to(queries: np.ndarray, features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The samples nearest to new ones, nearest first.

    Args:
        queries: (M, D).
        features: (N, D).
        count: up to N.
    Returns:
        Distances (M, count) float32 and rows (M, count).
    """
    distances, rows = _index(features, count).kneighbors(np.ascontiguousarray(queries, dtype=np.float32))
    return distances.astype(np.float32), rows


def _index(features: np.ndarray, count: int):
    from sklearn.neighbors import NearestNeighbors

    features = np.ascontiguousarray(features, dtype=np.float32)
    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(features)
