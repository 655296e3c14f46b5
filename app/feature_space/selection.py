"""Statistics of the selected samples of a map. Pure functions, no drawing."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from hvit.feature_space.mapped_samples import MappedSamples
from hvit.scoring.metrics import wilson


@dataclass(frozen=True)
class Confusion:
    """`count` samples of class `label` predicted as `prediction`."""

    label: str
    prediction: str
    count: int


@dataclass(frozen=True)
class Summary:
    """Statistics of a selection.

    Attributes:
        n: samples.
        right: of them correct.
        low, high: 95 % interval (Wilson) of the share that is correct.
        classes: true class, samples of it, and how many of these are correct; the most frequent first.
        confusion: the most frequent one; None where nothing is wrong.
    """

    n: int
    right: int
    low: float
    high: float
    classes: tuple[tuple[str, int, int], ...]
    confusion: Confusion | None


def summarize(samples: MappedSamples, rows: np.ndarray) -> Summary:
    """Statistics of the samples in these rows, at least one."""
    labels, predictions = samples.labels[rows], samples.predicted[rows]
    right = labels == predictions
    of_class, right_of_class = Counter(labels), Counter(labels[right])
    wrong = Counter(zip(labels[~right], predictions[~right]))
    ranked = sorted(of_class, key=lambda name: (-of_class[name], name))
    pair = min(wrong, key=lambda pair: (-wrong[pair], pair), default=None)
    return Summary(
        n=len(rows),
        right=int(right.sum()),
        low=wilson(int(right.sum()), len(rows))[0],
        high=wilson(int(right.sum()), len(rows))[1],
        classes=tuple((name, of_class[name], right_of_class[name]) for name in ranked),
        confusion=None if pair is None else Confusion(*pair, wrong[pair]),
    )


def shown_first(samples: MappedSamples, rows: np.ndarray) -> np.ndarray:
    """Sorts rows by interest: confident errors, other errors, then uncertain ones."""
    right, confidence = samples.correct[rows], samples.confidence[rows]
    return rows[np.lexsort((np.where(right, confidence, -confidence), right))]
