"""Features and logits of labeled photos, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.data.datasets.reading import Sample
from hvit.scoring.model_outputs import ModelOutputs


@dataclass(frozen=True)
class LabeledFeatures:
    """Model outputs of photos of known classes.

    Attributes:
        features: mean token of each stage, a list of (N, C).
        logits: before temperature, (N, K).
        labels: class indices, (N,).
        sources: data set of each photo, (N,) text.
        groups: photos of one group show one plant, or nearly so, (N,) text.
        classes: K names.
    """

    features: list[np.ndarray]
    logits: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def of(cls, predictions: ModelOutputs, samples: list[Sample], classes: Sequence[str]) -> "LabeledFeatures":
        """Combines model outputs with labels, data sets and groups of the samples."""
        number = {name: i for i, name in enumerate(classes)}
        return cls(
            predictions.stage_features,
            predictions.logits,
            np.array([number[sample.label] for sample in samples], dtype=int),
            np.array([sample.source for sample in samples], dtype=str),
            np.array([sample.group or sample.relative for sample in samples], dtype=str),
            tuple(classes),
        )

    @property
    def predictions(self) -> ModelOutputs:
        """The model outputs without labels."""
        return ModelOutputs(self.logits, self.features, [])

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, rows: np.ndarray) -> "LabeledFeatures":
        """Selects photos by a mask or by row numbers."""
        return LabeledFeatures(
            [stage[rows] for stage in self.features], self.logits[rows], self.labels[rows], self.sources[rows],
            self.groups[rows], self.classes,
        )  # fmt: skip

    def joined(self, other: "LabeledFeatures") -> "LabeledFeatures":
        """Concatenates the photos of two sets of outputs of the same model."""
        stages = [np.concatenate(pair) for pair in zip(self.features, other.features, strict=True)]
        names = ("logits", "labels", "sources", "groups")
        return LabeledFeatures(
            stages, *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names), self.classes
        )

    def without_column(self, k: int) -> "LabeledFeatures":
        """Removes class `k`: its logit is dropped, and its photos get the label -1."""
        labels = np.where(self.labels == k, -1, self.labels - (self.labels > k))
        return LabeledFeatures(
            self.features, np.delete(self.logits, k, axis=1), labels, self.sources, self.groups,
            self.classes[:k] + self.classes[k + 1 :],
        )  # fmt: skip
