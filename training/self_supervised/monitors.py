"""Monitors of pre-training: spread and effective rank of features, k-NN and linear-probe accuracy."""

import numpy as np

from training.frozen_features.linear_head import LinearHead

NEIGHBORS = 20
MOST_REFERENCE, MOST_QUERIES = 2000, 1000  # photos, so that monitoring takes seconds


def spread(vectors: np.ndarray) -> float:
    """Standard deviation over the photos of vectors (N, D) of unit length, mean over the channels, times sqrt(D).

    1 where directions are spread evenly, 0 where all vectors are the same (Chen & He 2020, arXiv:2011.10566, section
    4.1).
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    return float(unit.std(0).mean() * vectors.shape[1] ** 0.5)


def effective_rank(vectors: np.ndarray) -> float:
    """Effective rank of vectors (N, D): the exponential of the entropy of their normalized singular values.

    From 1 to min(N - 1, D). Source: Roy & Vetterli 2007, "The effective rank".
    """
    values = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False)
    shares = values / max(values.sum(), 1e-12)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 1.0


def knn_top1(reference: np.ndarray, reference_labels: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a cosine 20-NN classifier on queries (M, D), fitted to the reference (N, D)."""
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(min(NEIGHBORS, len(reference)), weights="distance", metric="cosine")
    return float((nearest.fit(reference, reference_labels).predict(queries) == labels).mean())


def probe_top1(reference: np.ndarray, reference_labels: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a logistic regression on queries, fitted to the reference."""
    classes, numbers = np.unique(reference_labels, return_inverse=True)
    head = LinearHead.fit(reference, numbers, len(classes))
    return float((classes[head.logits(queries).argmax(1)] == labels).mean())


def collapse(
    method: str, loss: float, chance: float, vectors: np.ndarray, knn: float | None, control: float | None
) -> str | None:
    """Detects collapsed features; returns the reason to stop training, or None.

    Args:
        method: simclr or mae.
        loss: mean since the last look.
        chance: the loss of a backbone that gives every photo the same features.
        vectors: projections (simclr) or embeddings (mae) of photos without augmentation, (N, D).
        knn, control: `knn_top1` now and of random weights; None where no photo has a label.
    Returns:
        One sentence, or None where all is well.
    """
    # Projections must spread over the sphere, or views would be indistinguishable. A sound run was seen to use 9 %
    # of the directions early on. Embeddings of a masked autoencoder share a large common part by nature; only when
    # hardly anything else is left are they of no use.
    least_spread, least_rank = (0.3, 0.04 * vectors.shape[1]) if method == "simclr" else (0.01, 2.0)
    least_rank = min(least_rank, 0.5 * (len(vectors) - 1))
    if not np.isfinite(loss) or not np.isfinite(vectors).all():
        return "collapse: loss or features are not finite; lower optim.lr"
    if loss >= 0.99 * chance:
        return f"collapse: the loss is {loss:.4f}, and uninformative features have {chance:.4f}; lower optim.lr"
    if (value := spread(vectors)) < least_spread:
        return f"collapse: features hardly differ between photos: spread {value:.3f}, expected at least {least_spread}"
    if (value := effective_rank(vectors)) < least_rank:
        dim = vectors.shape[1]
        return f"collapse: features use {value:.1f} directions of {dim}, expected at least {least_rank:.1f}"
    if knn is not None and knn < 0.5 * control:
        return f"collapse: k-NN classifies {knn:.1%} of held-out photos correctly, that of random weights {control:.1%}"
    return None
