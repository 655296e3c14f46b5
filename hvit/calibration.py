"""Calibration: temperature scaling of logits, and conformal prediction sets."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hvit.data.classes import crop_of


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (N, K) float64 of logits (N, K) divided by `temperature`.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def mean_of_views(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Logits whose calibrated probabilities are the mean of those of several views of each photo.

    Probabilities are averaged, not logits: one view that is sure of itself then cannot outvote the others.

    Args:
        logits: of each view, (views, N, K).
        temperature: that of the run.
    Returns:
        (N, K) float64.
    """
    probs = np.mean([softmax(view, temperature) for view in logits], axis=0)
    return temperature * np.log(np.maximum(probs, 1e-300))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood on held-out photos (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: (N, K).
        labels: class numbers, (N,).
    Returns:
        Temperature in [0.05, 20].
    Raises:
        ValueError: there are no photos.
    """
    if len(labels) == 0:
        raise ValueError("no photos to calibrate on")
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probs = softmax(logits, math.exp(log_temperature))
        return float(-np.log(np.maximum(probs[np.arange(len(labels)), labels], 1e-300)).mean())

    found = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def fit_conformal(probs: np.ndarray, labels: np.ndarray, alpha: float, weights: np.ndarray | None = None) -> float:
    """Threshold for sets that miss the right class in at most a share `alpha` of photos like these.

    Split conformal prediction with the score 1 - p(true class) (Sadinle et al. 2019; Angelopoulos & Bates 2021,
    arXiv:2107.07511, section 1), with the correction for a finite number of photos. With weights, the weighted form
    (Tibshirani et al. 2019, arXiv:1904.06019, equation 7) for a photo of the largest weight.

    Args:
        probs: calibrated, (N, K).
        labels: (N,).
        alpha: error rate in (0, 1).
        weights: how much each photo counts, (N,), above 0; all the same without.
    Returns:
        Threshold in [0, 1]: a class is in the set where 1 - p is at most this. 1 (every class) where N is too small.
    Raises:
        ValueError: `alpha` is outside (0, 1), or there are no photos.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, expected a number between 0 and 1")
    if len(labels) == 0:
        raise ValueError("no photos to calibrate on")
    scores = 1 - probs[np.arange(len(labels)), labels]
    if weights is not None:
        return _weighted_threshold(scores, np.asarray(weights, dtype=np.float64), alpha)
    scores = np.sort(scores)
    rank = math.ceil((len(scores) + 1) * (1 - alpha))
    return float(scores[rank - 1]) if rank <= len(scores) else 1.0


def _weighted_threshold(scores: np.ndarray, weights: np.ndarray, alpha: float) -> float:
    if (weights <= 0).any():
        raise ValueError(f"the smallest weight is {weights.min():g}, expected weights above 0")
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / (weights.sum() + weights.max())
    enough = np.flatnonzero(reached >= 1 - alpha - 1e-12)
    return float(scores[order[enough[0]]]) if len(enough) else 1.0


def set_thresholds(threshold: float | Mapping[str, float], probs: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Conformal threshold of each photo: by the crop of its most likely class where there is one a crop.

    Args:
        threshold: `conformal.threshold` of model.json: a number, or {crop: number} with every crop of the run.
        probs: (N, K); restricted to a chosen crop, they select the threshold of that crop.
        classes: K names.
    Returns:
        (N,).
    Raises:
        ValueError: a crop has no threshold.
    """
    if not isinstance(threshold, Mapping):
        return np.full(len(probs), float(threshold))
    crops = [crop_of(name) for name in classes]
    if missing := sorted(set(crops) - set(threshold)):
        raise ValueError(f"conformal.threshold has no number for {missing[0]!r}; it has {', '.join(sorted(threshold))}")
    return np.array([threshold[crop] for crop in crops], dtype=np.float64)[probs.argmax(1)]


def prediction_set(probs: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Conformal prediction set: classes that cannot be ruled out at the calibrated error rate.

    >>> prediction_set(np.array([[0.6, 0.3, 0.1]]), threshold=0.75).tolist()
    [[True, True, False]]

    Args:
        probs: calibrated probabilities, (N, K), rows sum to 1.
        threshold: from `fit_conformal`, in [0, 1]; or one a photo, (N,).
    Returns:
        Boolean mask, (N, K); every row holds at least its most likely class.
    Raises:
        ValueError: `threshold` is outside [0, 1].
    """
    threshold = np.asarray(threshold, dtype=np.float64)
    if not ((threshold >= 0) & (threshold <= 1)).all():
        raise ValueError(f"threshold is {threshold}, expected numbers between 0 and 1")
    mask = 1 - probs <= threshold.reshape(-1, 1)
    mask[np.arange(len(probs)), probs.argmax(1)] = True
    return mask
