"""t-SNE map of the embeddings of a run: fitted once, stored as npz without pickle, extended to new photos."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hvit.feature_space import layout, quality
from hvit.feature_space.neighbors import nearest_others, nearest_to, unit_vectors
from hvit.files import write_bytes
from hvit.runs.results import npz_bytes
from hvit.untrusted import Field, check_fields, parse_json, read_npz
from hvit.untrusted.fields import NAME, NUMBER

DIMENSIONS = 50
NEIGHBORS = 10  # stored for each sample
MAX_BYTES = 256 * 2**20  # of all arrays of a file
MIN_SAMPLES = 12  # of a map
MIN_COMMON = 10  # samples that two maps must share to be aligned


class MapError(ValueError):
    """A map that cannot be fitted or read; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Position of a new photo in the feature space.

    Attributes:
        x, y: on the map; the median of its 15 nearest samples unless refined.
        neighbors: row indices of the nearest samples in feature space, nearest first.
        distances: to them, in [0, 2].
    """

    x: float
    y: float
    neighbors: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class FeatureMap:
    """A t-SNE map of samples, with their nearest neighbors and the projection that places new photos.

    Attributes:
        splits: split of each sample, (N,) text.
        rows: row of each sample in the recorded predictions of its split, (N,).
        sample_ids: as recorded there, (N,) text.
        coordinates: (N, 2) float32; as in every t-SNE, distances between clusters have no meaning.
        features: principal components of the L2-normalized embeddings, (N, D) float16.
        mean, components: of the PCA, (C,) and (D, C) float32.
        neighbors: row indices of the nearest neighbors by all dimensions of the embedding, nearest first, (N, k).
        distances: to them, in [0, 2], (N, k) float32.
        strangeness: out-of-distribution score, (N,) float32; None without a detector.
        severity: symptomatic share of each rendered leaf, (N,) float32; None unless all samples are rendered.
        about: seed, perplexity, quality and source of the map.
    """

    splits: np.ndarray
    rows: np.ndarray
    sample_ids: np.ndarray
    coordinates: np.ndarray
    features: np.ndarray
    mean: np.ndarray
    components: np.ndarray
    neighbors: np.ndarray
    distances: np.ndarray
    strangeness: np.ndarray | None = None
    severity: np.ndarray | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """Projects embeddings (M, C) to the principal components of this map, (M, D) float32.

        Raises:
            MapError: their dimension is not that of the map.
        """
        if embeddings.shape[1] != len(self.mean):
            raise MapError(
                f"this map was made of embeddings with {len(self.mean)} numbers, not {embeddings.shape[1]}: the model "
                "was changed since; make the map again"
            )
        features: np.ndarray = (unit_vectors(embeddings) - self.mean) @ self.components.T
        return features

    def place(self, embedding: np.ndarray) -> Place:
        """Approximate position of a new photo: the median of its nearest samples, which is openTSNE's initialization.

        Args:
            embedding: (C,).
        """
        count = min(3 * layout.PLACING_PERPLEXITY, len(self))
        distances, rows = nearest_to(self.project(embedding[None]), self.features, count)
        x, y = np.median(self.coordinates[rows[0]], axis=0)
        return Place(float(x), float(y), rows[0, :NEIGHBORS], distances[0, :NEIGHBORS])

    def refine(self, embedding: np.ndarray) -> Place:
        """Position of a new photo by t-SNE optimization on the fixed map; takes seconds on a large map."""
        place = self.place(embedding)
        seed = self.about["seed"]
        x, y = layout.embed_new(self.project(embedding[None]), self.features, self.coordinates, seed)[0]
        return Place(float(x), float(y), place.neighbors, place.distances)

    def to_bytes(self) -> bytes:
        """The map as a compressed npz file: arrays and one JSON text."""
        arrays: dict[str, Any] = {
            "splits": self.splits,
            "rows": self.rows.astype(np.int32),
            "sample_ids": self.sample_ids.astype("S"),
            "coordinates": self.coordinates.astype(np.float32),
            "features": self.features.astype(np.float16),
            "mean": self.mean.astype(np.float32),
            "components": self.components.astype(np.float32),
            "neighbors": self.neighbors.astype(np.uint16 if len(self) <= 2**16 else np.uint32),
            "distances": self.distances.astype(np.float16),
            "about": np.array(json.dumps(self.about, allow_nan=False)),
        }
        for name in ("strangeness", "severity"):
            if (values := getattr(self, name)) is not None:
                arrays[name] = values.astype(np.float32)
        return npz_bytes(**arrays)

    def save(self, path: Path) -> None:
        """Writes `to_bytes` into a file."""
        write_bytes(path, self.to_bytes())


# Fields of `FeatureMap.about` that are shown, and their types.
ABOUT: dict[str, Field] = {
    **dict.fromkeys(("weights", "aligned_with"), NAME),
    **dict.fromkeys(
        (
            "seed", "perplexity", "neighbors", "dimensions", "variance_kept", "neighbors_kept", "trustworthiness",
            "trustworthiness_n", "accuracy_in_space", "accuracy_on_map", "aligned_samples",
        ),
        NUMBER,
    ),
}  # fmt: skip


def read_map(path: Path) -> FeatureMap:
    """Reads a file of `FeatureMap.save`, without unpickling.

    Raises:
        MapError: the file is damaged, or no map.
    """
    damaged = f"{path.name} in {path.parent} is damaged or not a map; make it again with training.embed"
    try:
        arrays = read_npz(path, None, MAX_BYTES)
        about = parse_json(str(arrays.pop("about")).encode())
        arrays["sample_ids"] = arrays["sample_ids"].astype(str)
        for name in ("rows", "neighbors"):
            arrays[name] = arrays[name].astype(np.int64)
        found = FeatureMap(**arrays, about=check_fields(about, ABOUT))
    except (OSError, ValueError, KeyError, TypeError):
        raise MapError(damaged) from None
    if not _fits(found):
        raise MapError(damaged)
    return found


def _fits(found: FeatureMap) -> bool:
    """Whether shapes, dtypes and indices of the arrays are consistent."""
    N, D, C = len(found), len(found.components), len(found.mean)
    per_sample = (found.splits, found.rows, found.sample_ids, found.strangeness, found.severity)
    numbers = (found.coordinates, found.features, found.mean, found.components, found.distances)
    return (
        all(values is None or values.shape == (N,) for values in per_sample)
        and all(values.dtype.kind == "f" for values in numbers)
        and found.splits.dtype.kind == "U"
        and (N == 0 or found.rows.min() >= 0)
        and found.coordinates.shape == (N, 2)
        and found.features.shape == (N, D)
        and found.components.shape == (D, C)
        and found.neighbors.shape == found.distances.shape
        and len(found.neighbors) == N
        and (found.neighbors.size == 0 or (found.neighbors.max() < N and found.neighbors.min() >= 0))
    )


def fit_map(
    embeddings: np.ndarray,
    labels: np.ndarray,
    splits: np.ndarray,
    rows: np.ndarray,
    sample_ids: np.ndarray,
    strangeness: np.ndarray | None = None,
    severity: np.ndarray | None = None,
    seed: int = 0,
    like: FeatureMap | None = None,
    step: Callable[[str], None] = lambda what: None,
) -> FeatureMap:
    """Fits a map: L2 normalization, PCA to 50 components, t-SNE.

    Args:
        embeddings: (N, C).
        labels: true classes, (N,), for the quality measures alone.
        splits, rows, sample_ids, strangeness, severity: see `FeatureMap`.
        seed: of t-SNE.
        like: map of another run to align this one to, by the samples that both have.
        step: called with the name of each step.
    Raises:
        MapError: there are fewer than 12 samples, all are equal, or the two maps share fewer than 10.
    """
    from sklearn.decomposition import PCA

    N = len(embeddings)
    if N < MIN_SAMPLES:
        raise MapError(f"{N} samples are too few for a map; it takes at least {MIN_SAMPLES}")
    vectors = unit_vectors(embeddings)
    if not np.isfinite(vectors).all() or np.ptp(vectors, axis=0).max() < 1e-6:
        raise MapError("the embeddings of all samples are the same or not finite: there is nothing to map")
    step("principal components")
    pca = PCA(min(DIMENSIONS, N - 1, vectors.shape[1]), svd_solver="full").fit(vectors)
    # Rounded to the stored precision first, so that stored features give the same map and neighbors.
    features = pca.transform(vectors).astype(np.float16)
    step("neighbors in feature space")
    count = min(NEIGHBORS, (N - 1) // 2)
    distances, neighbors = nearest_others(vectors, count)
    step("t-SNE")
    coordinates, alignment = _coordinates(features, sample_ids, seed, like)
    step("quality")
    trust, trust_n = quality.trustworthiness(features.astype(np.float32), coordinates, seed)
    about = {
        "seed": seed,
        "perplexity": layout.perplexity_for(N),
        "dimensions": len(pca.components_),
        "variance_kept": float(pca.explained_variance_ratio_.sum()),
        "neighbors": count,
        "neighbors_kept": quality.kept_neighbors(neighbors, nearest_others(features, count)[1]),
        "trustworthiness": trust,
        "trustworthiness_n": trust_n,
        "accuracy_in_space": quality.neighbor_accuracy(neighbors, labels),
        "accuracy_on_map": quality.neighbor_accuracy(quality.map_neighbors(coordinates, count), labels),
        "aligned_samples": alignment,
    }
    return FeatureMap(
        splits, rows, sample_ids, coordinates, features, pca.mean_, pca.components_, neighbors, distances,
        strangeness, severity, about,
    )  # fmt: skip


def _coordinates(
    features: np.ndarray, sample_ids: np.ndarray, seed: int, like: FeatureMap | None
) -> tuple[np.ndarray, int | None]:
    """t-SNE coordinates, and the number of samples they were aligned by; None without alignment."""
    if like is None:
        return layout.fit_layout(features, seed), None
    known = {name: row for row, name in reversed(list(enumerate(like.sample_ids)))}
    own = np.array([row for row, name in enumerate(sample_ids) if name in known], dtype=int)
    if len(own) < MIN_COMMON:
        raise MapError(
            f"the two runs share {len(own)} samples, and it takes {MIN_COMMON} to lay one map like the other; "
            "leave --align-with out, or map the same samples"
        )
    theirs = like.coordinates[[known[sample_ids[row]] for row in own]]
    start = np.empty((len(features), 2))
    start[own] = theirs
    others = np.setdiff1d(np.arange(len(features)), own)
    if len(others):
        count = min(3 * layout.PLACING_PERPLEXITY, len(own))
        _, near = nearest_to(features[others], features[own], count)
        start[others] = np.median(theirs[near], axis=1)
    coordinates = layout.fit_layout(features, seed, start)
    return layout.procrustes(coordinates[own], theirs)(coordinates), len(own)
