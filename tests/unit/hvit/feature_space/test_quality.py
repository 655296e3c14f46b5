"""How much a map keeps: by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as of_sklearn
from sklearn.neighbors import KNeighborsClassifier

from hvit.feature_space import quality
from hvit.feature_space.neighbors import nearest_others


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(80, 6))
    return features, features[:, :2] + draw.normal(size=(80, 2)), draw.integers(0, 3, 80)


def test_trustworthiness_is_that_of_sklearn(arrays):
    features, coordinates, _ = arrays
    value, count = quality.trustworthiness(features, coordinates)
    assert value == of_sklearn(features, coordinates, n_neighbors=10) and count == 80
    assert 0.5 < value < 0.95  # this map does lose some


def test_trustworthiness_of_many_samples_is_computed_on_a_random_subset(arrays, monkeypatch):
    features, coordinates, _ = arrays
    monkeypatch.setattr(quality, "MAX_SAMPLES", 50)
    value, count = quality.trustworthiness(features, coordinates)
    chosen = np.sort(np.random.default_rng(0).choice(80, 50, replace=False))
    assert value == of_sklearn(features[chosen], coordinates[chosen], n_neighbors=10) and count == 50


def test_neighbor_accuracy_by_hand():
    labels = np.array(["a", "a", "b", "b", "b"])
    neighbors = np.array([[1, 2, 3], [0, 3, 0], [3, 4, 0], [0, 1, 2], [2, 3, 0]])
    # majority: b (wrong), a (right), b (right), a (wrong), b (right)
    assert quality.neighbor_accuracy(neighbors, labels) == pytest.approx(3 / 5)


def test_a_tie_goes_to_the_nearer_class():
    assert quality.neighbor_accuracy(np.array([[1, 2], [2, 0], [1, 0]]), np.array([0, 0, 1])) == pytest.approx(1 / 3)


def test_neighbor_accuracy_is_leaving_one_out_with_sklearns_classifier():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, 60)
    features = labels[:, None] + draw.normal(size=(60, 4))
    _, neighbors = nearest_others(features, 5)  # odd, so that two classes never tie
    right = [
        KNeighborsClassifier(5).fit(np.delete(features, i, 0), np.delete(labels, i)).predict(features[i : i + 1])[0]
        == labels[i]
        for i in range(60)
    ]
    assert quality.neighbor_accuracy(neighbors, labels) == pytest.approx(np.mean(right))


def test_kept_neighbors_by_hand():
    assert quality.kept_neighbors(np.array([[1, 2], [0, 2]]), np.array([[2, 1], [3, 0]])) == pytest.approx(0.75)
