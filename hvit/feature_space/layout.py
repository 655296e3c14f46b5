"""t-SNE coordinates, their alignment to another map (Procrustes), and the embedding of new samples."""

from dataclasses import dataclass

import numpy as np

PERPLEXITY = 30
PLACING_PERPLEXITY = 5  # of new samples, with three times as many neighbors: openTSNE's default
INIT_STD = 1e-4  # of the initial coordinates, as openTSNE advises


def perplexity_for(num_samples: int) -> float:
    """Perplexity 30, or less for few samples: a third of the others."""
    return float(min(PERPLEXITY, max(1, (num_samples - 1) // 3)))


def fit_layout(features: np.ndarray, seed: int = 0, start: np.ndarray | None = None) -> np.ndarray:
    """Computes t-SNE coordinates, deterministic for a seed.

    Args:
        features: (N, D).
        start: initial coordinates, (N, 2); None for the first two principal components.
    Returns:
        (N, 2) float32.
    Source: openTSNE (Poličar et al. 2024, doi:10.18637/jss.v109.i03).
    """
    from openTSNE import TSNE

    # One thread: the result is the same on every machine, and two threads on two busy cores were ten times slower.
    layout = TSNE(
        perplexity=perplexity_for(len(features)),
        initialization="pca" if start is None else start / start[:, 0].std() * INIT_STD,
        n_jobs=1,
        random_state=seed,
    )
    return np.asarray(layout.fit(np.asarray(features, dtype=np.float64)), dtype=np.float32)


@dataclass(frozen=True)
class RigidTransform:
    """Rigid transform: rotation or reflection, then translation.

    Attributes:
        rotation: (2, 2), orthogonal.
        translation: (2,).
    """

    rotation: np.ndarray
    translation: np.ndarray

    def __call__(self, coordinates: np.ndarray) -> np.ndarray:
        """Transforms coordinates, (N, 2) -> (N, 2) float32."""
        moved: np.ndarray = (coordinates @ self.rotation + self.translation).astype(np.float32)
        return moved


def procrustes(coordinates: np.ndarray, onto: np.ndarray) -> RigidTransform:
    """Orthogonal Procrustes alignment: the rigid transform of coordinates (N, 2) that best fits others, (N, 2).

    Without scaling: distances of t-SNE have a meaning, which placing new samples relies on.

    Source: Schönemann 1966, the orthogonal Procrustes problem.
    """
    from scipy.linalg import orthogonal_procrustes

    center, target = coordinates.mean(0, dtype=np.float64), onto.mean(0, dtype=np.float64)
    rotation, _ = orthogonal_procrustes(coordinates - center, onto - target)
    return RigidTransform(rotation, target - center @ rotation)


def embed_new(queries: np.ndarray, features: np.ndarray, coordinates: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE coordinates of new samples on a fixed map.

    Args:
        queries: features of the new samples, (M, D).
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
    shifted: np.ndarray = (np.asarray(placed) + moved).astype(np.float32)
    return shifted
