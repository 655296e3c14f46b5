"""A classification head fitted to frozen embeddings by logistic regression, as a plain linear layer."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from hvit.models import HViT

# Inverse strength of the penalty. Of 0.001, 0.01, 0.1 and 1 it has the least cross-validated negative log-likelihood,
# or one within 0.08 of it, on about 300 photos each of apple (twice), coffee and rendered leaves: docs/own-photos.md.
C = 0.1


@dataclass(frozen=True)
class LinearHead:
    """A fitted linear layer.

    Attributes:
        weight: (K, D) float64.
        bias: (K,) float64.
    """

    weight: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(cls, embeddings: np.ndarray, labels: np.ndarray, num_classes: int, C: float = C) -> "LinearHead":
        """Multinomial logistic regression on standardized embeddings, every photo weighted the same.

        W ((x - mean) / std) + b = (W / std) x + (b - (W / std) mean): the standardization ends in weight and bias, so
        that prediction does without it.

        Args:
            embeddings: (N, D).
            labels: class numbers, (N,); each class occurs.
            C: inverse strength of the penalty.
        Raises:
            ValueError: a class has no photo.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        present = np.unique(labels)
        if len(present) != num_classes or num_classes < 2:
            raise ValueError(f"a head of {num_classes} classes cannot be fitted to photos of {len(present)}")
        scaler = StandardScaler().fit(embeddings.astype(np.float64))
        with warnings.catch_warnings():
            # Few photos of many classes look like regression to scikit-learn, and it says so.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            fitted = LogisticRegression(C=C, max_iter=2000).fit(scaler.transform(embeddings.astype(np.float64)), labels)
        weight, bias = fitted.coef_, fitted.intercept_
        if num_classes == 2:  # scikit-learn keeps the difference of two logits alone
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        weight = weight / scaler.scale_
        return cls(weight, bias - weight @ scaler.mean_)

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """(N, K) float64."""
        return embeddings.astype(np.float64) @ self.weight.T + self.bias

    def put_into(self, model: HViT) -> None:
        """Replaces the head of a model with this one."""
        model.reset_classifier(len(self.weight))
        with torch.no_grad():
            model.head.weight.copy_(torch.from_numpy(self.weight))
            model.head.bias.copy_(torch.from_numpy(self.bias))
