"""Top-1 accuracy and macro-F1 of a seed group, with intervals over photos and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.scoring.intervals import Interval, accuracy_interval, f1_resamples, macro_f1_interval
from hvit.scoring.metrics import macro_f1, wilson


@dataclass(frozen=True)
class Scores:
    """Means over runs, with 95 % intervals.

    Attributes:
        each: top-1 and macro-F1 of each run.
        how: description of the intervals.
    """

    top1: float
    top1_ci: Interval
    f1: float
    f1_ci: Interval
    each: tuple[tuple[float, float], ...]
    how: str


def scores_of(labels: np.ndarray, predicted: Sequence[np.ndarray], num_classes: int) -> Scores:
    """Scores of the runs of a seed group on the same photos.

    Args:
        labels: class numbers, (N,).
        predicted: predicted classes of each run, (N,) each.
    """
    predictions = np.stack(predicted)
    right = predictions == labels
    each = tuple((float(r.mean()), macro_f1(labels, a, num_classes)) for r, a in zip(right, predictions))
    top1, f1 = (float(np.mean(values)) for values in zip(*each))
    f1_ci = macro_f1_interval(f1_resamples(labels, predictions, num_classes))
    if len(predictions) == 1:
        how = "top-1: Wilson; macro-F1: bootstrap over photos"
        return Scores(top1, wilson(int(right.sum()), len(labels)), f1, f1_ci, each, how)
    return Scores(top1, accuracy_interval(right), f1, f1_ci, each, "bootstrap over seeds and photos")
