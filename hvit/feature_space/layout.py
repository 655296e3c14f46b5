"""Coordinates of a map by t-SNE, laid like those of another run where that is asked for."""

from dataclasses import dataclass

import numpy as np

PERPLEXITY = 30
PLACING_PERPLEXITY = 5  # of a new sample, and with three times as many neighbors: openTSNE's own choice
START_STD = 1e-4  # openTSNE's advice: from larger coordinates the first steps go astray


def perplexity_for(num_samples: int) -> float:
    """30, or what so few samples allow: a third of the others."""
    return float(min(PERPLEXITY, max(1, (num_samples - 1) // 3)))


def fit_layout(features: np.ndarray, seed: int = 0, start: np.ndarray | None = None) -> np.ndarray:
    """Coordinates by t-SNE, the same for the same seed.

    Args:
        features: (N, D).
        start: where the samples begin, (N, 2); None for their first two principal components.
    Returns:
        (N, 2) float32.
    Source: openTSNE (Poličar et al. 2024, doi:10.18637/jss.v109.i03).
    """
    from openTSNE import TSNE

    # One thread: with two on two busy cores openTSNE was ten times slower, and it is the same on every machine.
    layout = TSNE(
        perplexity=perplexity_for(len(features)),
        initialization="pca" if start is None else start / start[:, 0].std() * START_STD,
        n_jobs=1,
        random_state=seed,
    )
    return np.asarray(layout.fit(np.asarray(features, dtype=np.float64)), dtype=np.float32)


@dataclass(frozen=True)
class Motion:
    """A rotation, perhaps with a reflection, and a shift; distances stay.

    Attributes:
        turn: (2, 2), orthogonal.
        shift: (2,).
    """

    turn: np.ndarray
    shift: np.ndarray

    def __call__(self, coordinates: np.ndarray) -> np.ndarray:
        """Moves coordinates, (N, 2) float32."""
        return (coordinates @ self.turn + self.shift).astype(np.float32)


def procrustes(coordinates: np.ndarray, onto: np.ndarray) -> Motion:
    """The motion that lays coordinates (N, 2) as near as it can onto others, (N, 2), row by row.

    Sizes are left alone: t-SNE gives them a meaning, which placing new samples relies on.

    Source: Schönemann 1966, the orthogonal Procrustes problem.
    """
    from scipy.linalg import orthogonal_procrustes

    center, target = coordinates.mean(0, dtype=np.float64), onto.mean(0, dtype=np.float64)
    turn, _ = orthogonal_procrustes(coordinates - center, onto - target)
    return Motion(turn, target - center @ turn)


def refined(queries: np.ndarray, features: np.ndarray, coordinates: np.ndarray, seed: int = 0) -> np.ndarray:
    """Where t-SNE puts new samples on a map that stays as it is.

    Args:
        queries: (M, D).
        features, coordinates: of the samples on the map, (N, D) and (N, 2).
    Returns:
        (M, 2) float32.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    features = np.asarray(features, dtype=np.float64)
    perplexity = min(PLACING_PERPLEXITY, perplexity_for(len(features)))
    affinities = PerplexityBasedNN(features, perplexity=perplexity, method="exact", n_jobs=1, random_state=seed)
    embedding = TSNEEmbedding(coordinates, affinities, random_state=seed, n_jobs=1)
    placed = embedding.transform(np.asarray(queries, dtype=np.float64), perplexity=perplexity)
    moved = coordinates[0] - np.asarray(embedding[0])  # `transform` centers the map first
    return (np.asarray(placed) + moved).astype(np.float32)
