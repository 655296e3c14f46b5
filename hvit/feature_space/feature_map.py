"""A map of the feature space of a run: made once, stored without pickle, and open to new photos."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hvit.feature_space import layout, quality
from hvit.feature_space.neighbors import nearest_others, nearest_to, unit_vectors
from hvit.files import write_bytes
from hvit.untrusted import Field, check_fields, parse_json, read_npz
from hvit.untrusted.fields import NAME, NUMBER

MAP = "tsne.npz"  # in eval/<split>/ of a run
DIMENSIONS = 50
NEIGHBORS = 10  # stored of each sample
MAX_BYTES = 256 * 2**20  # of all arrays of a file
FEWEST = 12  # samples a map can be made of
FEWEST_COMMON = 10  # samples two runs must share for one to be laid like the other


class MapError(ValueError):
    """A map that cannot be made or read; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where a new photo falls.

    Attributes:
        x, y: on the map; the median of its 15 nearest samples unless refined.
        neighbors: rows of the nearest samples in feature space, nearest first.
        distances: to them, in [0, 2].
    """

    x: float
    y: float
    neighbors: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class FeatureMap:
    """Samples of a run on a plane, with what it takes to find true neighbors and to place new photos.

    Attributes:
        splits: split of each sample, (N,) text.
        rows: of each sample in the recorded predictions of its split, (N,).
        sample_ids: as recorded there, (N,) text.
        coordinates: (N, 2) float32; only near and far within a cluster mean something.
        features: principal components of the embeddings at unit length, (N, D) float16.
        mean, components: (C,) and (D, C) float32: from an embedding at unit length to `features`.
        neighbors: rows of the nearest other samples among all dimensions of the embedding, nearest first, (N, k).
        distances: to them, in [0, 2], (N, k) float32.
        strangeness: distance to the nearest training photos, (N,) float32; None where the run has no rejection.
        severity: symptomatic share of each leaf as it was drawn, (N,) float32; None where not all were drawn.
        about: seed, perplexity, quality and what it was made of.
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
        """Embeddings (M, C) as features of this map, (M, D) float32.

        Raises:
            MapError: they are not as long as those the map was made of.
        """
        if embeddings.shape[1] != len(self.mean):
            raise MapError(
                f"this map was made of embeddings with {len(self.mean)} numbers, not {embeddings.shape[1]}: the model "
                "was changed since; make the map again"
            )
        return (unit_vectors(embeddings) - self.mean) @ self.components.T

    def place(self, embedding: np.ndarray) -> Place:
        """Where a new photo falls, at once: at the median of its nearest samples, as openTSNE begins too.

        Args:
            embedding: (C,).
        """
        count = min(3 * layout.PLACING_PERPLEXITY, len(self))
        distances, rows = nearest_to(self.project(embedding[None]), self.features, count)
        x, y = np.median(self.coordinates[rows[0]], axis=0)
        return Place(float(x), float(y), rows[0, :NEIGHBORS], distances[0, :NEIGHBORS])

    def refine(self, embedding: np.ndarray) -> Place:
        """Where t-SNE puts a new photo on the map as it stands; takes seconds on a large one."""
        place = self.place(embedding)
        seed = self.about["seed"]
        x, y = layout.refined(self.project(embedding[None]), self.features, self.coordinates, seed)[0]
        return Place(float(x), float(y), place.neighbors, place.distances)

    def save(self, path: Path) -> None:
        """Writes everything as arrays and one JSON text."""
        arrays = {
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
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_bytes(path, buffer.getvalue())


# What pages say of a map.
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
    """Reads what `FeatureMap.save` wrote; nothing is unpickled.

    Raises:
        MapError: the file is damaged, or not such a map.
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
    """Whether the arrays belong to each other."""
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
    """A map of samples by their embeddings: unit length, 50 principal components, t-SNE.

    Args:
        embeddings: (N, C).
        labels: true classes, (N,): they judge the map, they do not make it.
        splits, rows, sample_ids, strangeness, severity: of `FeatureMap`.
        like: a map of another run to lay this one like, by the samples both hold.
        step: called with each step of the work, in words.
    Raises:
        MapError: there are fewer than 12 samples, they are all the same, or the two maps share fewer than 10.
    """
    from sklearn.decomposition import PCA

    N = len(embeddings)
    if N < FEWEST:
        raise MapError(f"{N} samples are too few for a map; it takes at least {FEWEST}")
    vectors = unit_vectors(embeddings)
    if not np.isfinite(vectors).all() or np.ptp(vectors, axis=0).max() < 1e-6:
        raise MapError("the embeddings of all samples are the same or not finite: there is nothing to map")
    step("principal components")
    pca = PCA(min(DIMENSIONS, N - 1, vectors.shape[1]), svd_solver="full").fit(vectors)
    # Rounded before they are used, so that what is stored gives the same map and the same neighbors.
    features = pca.transform(vectors).astype(np.float16)
    step("neighbors in feature space")
    count = min(NEIGHBORS, (N - 1) // 2)
    distances, neighbors = nearest_others(vectors, count)
    step("t-SNE")
    coordinates, alignment = _laid_out(features, sample_ids, seed, like)
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


def _laid_out(
    features: np.ndarray, sample_ids: np.ndarray, seed: int, like: FeatureMap | None
) -> tuple[np.ndarray, int | None]:
    """Coordinates, and how many samples they were aligned by."""
    if like is None:
        return layout.fit_layout(features, seed), None
    known = {name: row for row, name in reversed(list(enumerate(like.sample_ids)))}
    own = np.array([row for row, name in enumerate(sample_ids) if name in known], dtype=int)
    if len(own) < FEWEST_COMMON:
        raise MapError(
            f"the two runs share {len(own)} samples, and it takes {FEWEST_COMMON} to lay one map like the other; "
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
