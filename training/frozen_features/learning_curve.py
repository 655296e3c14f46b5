"""Sample-size learning curve: error of heads fitted to fewer photos, extrapolated by a power law."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hvit.scoring.metrics import wilson
from training.frozen_features.linear_head import LinearHead
from training.inputs.random_streams import uniform

SHARES = (0.125, 0.25, 0.5, 1.0)  # of the photos that a fold leaves to learn from
SUBSETS = 5000  # random stream
LEAST_SHRINK = 1.25  # a share is not used where it holds so many times the photos it should: classes cannot shrink on
RESAMPLES = 2000
LEAST_PHOTOS = 50
WIDEST = 0.10  # a wider interval is not informative
BENDS = 0.005  # tolerance beyond its interval of the last point's deviation from the curve of the others


@dataclass(frozen=True)
class Curve:
    """Held-out errors by number of training photos.

    Attributes:
        counts: training photos, mean over folds and repeats, (S,), increasing.
        wrong: whether each photo was misclassified, in each repeat, (R, S, N) bool.
    """

    counts: np.ndarray
    wrong: np.ndarray

    def rows(self) -> list[dict]:
        """JSON rows, one a point: photos, top1 over all repeats, and its Wilson interval for one repeat."""
        total, rows = self.wrong.shape[2], []
        for count, wrong in zip(self.counts, self.wrong.mean((0, 2))):
            interval = wilson(total * (1 - wrong), total)
            rows.append({"photos": float(count), "top1": float(1 - wrong), "top1_ci": [float(v) for v in interval]})
        return rows


@dataclass(frozen=True)
class Gain:
    """Expected gain in top-1 accuracy from twice the photos.

    Attributes:
        gain: in top-1, or None where it cannot be known.
        low, high: 95 % interval of it.
        reason: why it cannot be known, or None.
    """

    gain: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def sentence(self) -> str | None:
        """`Twice the photos: about +3.1 points (95 %: +1.0 to +5.2)`; None where nothing is known."""
        if self.gain is None:
            return None
        gain, low, high = (f"{100 * value:+.1f}" for value in (self.gain, self.low, self.high))
        return f"Twice the photos: about {gain} points (95 %: {low} to {high})"


def learning_curve(
    embeddings: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    divisions: list[np.ndarray],
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Curve:
    """Fits heads to subsets of the training folds, and predicts the held-out photos of each fold.

    Args:
        embeddings: (N, D).
        labels: class numbers, (N,).
        groups: group of each photo, (N,); groups are never split.
        divisions: R fold assignments, (N,) each; every one has its own random subsets.
        progress: called with the heads fitted and their number.
    """
    K, num_folds = labels.max() + 1, divisions[0].max() + 1
    wrong = np.zeros((len(divisions), len(SHARES), len(labels)), dtype=bool)
    counts = np.zeros(len(SHARES))
    done, total = 0, wrong.shape[0] * wrong.shape[1] * num_folds
    for draw, folds in enumerate(divisions):
        for fold in range(num_folds):
            rest, inside = np.flatnonzero(folds != fold), folds == fold
            keys = uniform(seed, np.arange(groups.max() + 1), 1, SUBSETS + draw * num_folds + fold)[:, 0]
            for i, share in enumerate(SHARES):
                chosen = rest[subset(labels[rest], groups[rest], keys, share)]
                head = LinearHead.fit(embeddings[chosen], labels[chosen], K)
                wrong[draw, i, inside] = head.logits(embeddings[inside]).argmax(1) != labels[inside]
                counts[i] += len(chosen) / (len(divisions) * num_folds)
                done += 1
                progress(done, total)
    usable = counts <= LEAST_SHRINK * np.array(SHARES) * counts[-1]
    return Curve(counts[usable], wrong[:, usable])


def subset(labels: np.ndarray, groups: np.ndarray, keys: np.ndarray, share: float) -> np.ndarray:
    """Samples about `share` of the photos of each class, at least one: whole groups, in the order of `keys`.

    Smaller shares are subsets of larger ones.

    Args:
        labels, groups: of the photos to choose from, (N,).
        keys: of each group, (G,).
    Returns:
        Mask of the subset, (N,).
    """
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = labels == label
        wanted, taken = max(1.0, share * own.sum()), 0
        for group in sorted(np.unique(groups[own]), key=lambda g: keys[g]):
            if taken and taken + (own & (groups == group)).sum() / 2 > wanted:
                break
            chosen |= own & (groups == group)
            taken = (own & chosen).sum()
    return chosen


def gain_of_twice(curve: Curve, groups: np.ndarray, seed: int = 0) -> Gain:
    """Extrapolates the gain in top-1 from doubling the photos by a power law of the error.

    The law error = a n^-b (Hestness et al. 2017, arXiv:1712.00409) is fitted to the logarithms by least squares. The
    interval is a bootstrap over groups of held-out photos and over repeats: each resample takes one repeat of each
    size, as one collection of so many photos is one sample. There is no estimate for fewer than three sizes or 50
    photos, for an interval wider than 10 points, or where the largest size deviates from the curve of the smaller ones.

    Args:
        groups: of the held-out photos, (N,).
        seed: of the bootstrap.
    """
    num_draws, num_sizes, num_photos = curve.wrong.shape
    if num_sizes < 3 or num_photos < LEAST_PHOTOS:
        return Gain(None, reason="too few photos to fit a curve")
    numbers = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(numbers)
    totals = np.array([[np.bincount(numbers, weights=row) for row in draw] for draw in curve.wrong])  # (R, S, G)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), RESAMPLES)
    resampled = times @ totals.transpose(1, 2, 0)  # (S, RESAMPLES, R)
    taken = rng.integers(0, num_draws, (num_sizes, RESAMPLES, 1))
    counts = np.take_along_axis(resampled, taken, 2)[..., 0].T  # (RESAMPLES, S)
    # Zero errors, which have no logarithm, count as half an error.
    errors = np.maximum(counts, 0.5) / (times @ sizes)[:, None]
    mean = np.maximum(curve.wrong.mean(0).sum(1), 0.5)[None] / num_photos
    off = errors[:, -1] - _at(curve.counts[:-1], errors[:, :-1], curve.counts[-1])
    low, high = np.quantile(off, (0.025, 0.975))
    if low > BENDS or high < -BENDS:
        return Gain(None, reason="the curve bends: the largest size does not lie where the smaller ones point")
    low, high = (float(value) for value in np.quantile(_gain(curve.counts, errors), (0.025, 0.975)))
    if high - low > WIDEST:
        return Gain(None, reason=f"too uncertain: anything from {100 * low:+.0f} to {100 * high:+.0f} points")
    return Gain(float(_gain(curve.counts, mean)[0]), low, high)


def _gain(counts: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Decrease of the error from the largest size to twice that size, (B,)."""
    return _at(counts, errors, counts[-1]) - _at(counts, errors, 2 * counts[-1])


def _at(counts: np.ndarray, errors: np.ndarray, count: float) -> np.ndarray:
    """Evaluates power laws fitted to errors (B, S) at counts (S,), at another count, (B,)."""
    x, y = np.log(counts), np.log(errors)
    slope = (y - y.mean(1, keepdims=True)) @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return np.exp(y.mean(1) + slope * (math.log(count) - x.mean()))
