"""Samples on a small map, made by hand."""

import numpy as np
import pytest

from hvit.feature_space import FeatureMap
from hvit.feature_space.mapped_samples import MappedSamples

CLASSES = ("Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy")
LABELS = [0, 0, 1, 1, 1, 2]
ANSWERS = [0, 1, 1, 2, 2, 2]
CONFIDENCE = [0.99, 0.8, 0.95, 0.6, 0.4, 0.71]


@pytest.fixture
def make_samples():
    """Makes `MappedSamples` of six leaves; keyword arguments replace what they are made of."""

    def make(classes=CLASSES, labels=LABELS, answers=ANSWERS, paths=None, ood_threshold=0.5, **of_map) -> MappedSamples:
        N = len(labels)
        given = {
            "splits": np.full(N, "test"),
            "rows": np.arange(N),
            "sample_ids": np.array([f"id{i}" for i in range(N)]),
            "coordinates": np.zeros((N, 2), np.float32),
            "features": np.zeros((N, 2), np.float16),
            "mean": np.zeros(2),
            "components": np.eye(2),
            "neighbors": np.zeros((N, 1), int),
            "distances": np.zeros((N, 1)),
        }
        named = np.array(classes, dtype=object)
        return MappedSamples(
            identity="six leaves",
            map=FeatureMap(**given | of_map),
            classes=tuple(classes),
            paths=np.array(paths or [f"set/{i}.jpg" for i in range(N)], dtype=object),
            sha256=np.array(["0" * 64] * N, dtype=object),
            labels=named[labels],
            predicted=named[answers],
            confidence=np.array(CONFIDENCE[:N] if len(labels) <= 6 else np.linspace(0.1, 1, N)),
            ood_threshold=ood_threshold,
        )

    return make


@pytest.fixture
def samples(make_samples):
    return make_samples()
