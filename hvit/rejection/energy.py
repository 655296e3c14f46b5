"""Energy of the logits (Liu et al. 2020, arXiv:2010.03759)."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hvit.rejection.method import StoredArrays


@dataclass(frozen=True)
class Energy(StoredArrays):
    """Negative log-sum-exp of the logits; features are not used.

    Attributes:
        temperature: T in `-T logsumexp(logits / T)`, () float32; 1, as the paper recommends.
    """

    temperature: np.ndarray

    name: ClassVar[str] = "energy"

    @classmethod
    def fit(
        cls,
        features: list[np.ndarray] | None = None,
        logits: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> Self:
        return cls(np.array(1.0, dtype=np.float32))

    def score(self, features: list[np.ndarray] | None, logits: np.ndarray) -> np.ndarray:
        temperature = float(self.temperature)
        return -temperature * np.logaddexp.reduce(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
