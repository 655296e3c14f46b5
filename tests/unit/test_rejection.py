import numpy as np
import pytest

from hvit.rejection import Rejector


def _features(rng, direction: float, count: int) -> list[np.ndarray]:
    return [rng.normal(size=(count, 8)) * 0.1 + direction for _ in range(4)]


def test_what_points_elsewhere_is_farther_away():
    rng = np.random.default_rng(0)
    rejector = Rejector.fit(_features(rng, 1.0, 100))
    near, far = rejector.score(_features(rng, 1.0, 30)), rejector.score(_features(rng, -1.0, 30))
    assert near.max() < 0.5 < 1.5 < far.min()


def test_distance_by_hand():
    # One reference and one query, at right angles in two of the four stages: cos = 1/2.
    stage = [np.array([[1.0, 0.0]])] * 4
    turned = [stage[0], stage[0], np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])]
    assert Rejector.fit(stage).score(turned)[0] == pytest.approx(1.0, abs=1e-3)


def test_the_scale_of_features_does_not_matter():
    rng = np.random.default_rng(0)
    features = _features(rng, 1.0, 50)
    rejector = Rejector.fit(features)
    query = _features(rng, 0.5, 5)
    assert rejector.score(query) == pytest.approx(rejector.score([7 * stage for stage in query]), abs=1e-4)


def test_saved_and_loaded_scores_are_equal(tmp_path):
    rng = np.random.default_rng(0)
    rejector, query = Rejector.fit(_features(rng, 1.0, 50)), _features(rng, 0.0, 5)
    rejector.save(tmp_path / "rejection.npz")
    loaded = Rejector.load(tmp_path / "rejection.npz", threshold=0.7)
    assert np.array_equal(loaded.score(query), rejector.score(query)) and loaded.threshold == 0.7
