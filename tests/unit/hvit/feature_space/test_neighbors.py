"""Neighbors in feature space, worked by hand."""

import numpy as np
import pytest

from hvit.feature_space.neighbors import nearest_others, nearest_to, unit_vectors

# On a line at 0, 1, 3, 7: the nearest of 3 is 1 (distance 2), then 0 (3), then 7 (4).
LINE = np.array([[0.0, 0], [1, 0], [3, 0], [7, 0]])


def test_the_nearest_others_come_in_order_and_without_the_sample_itself():
    distances, rows = nearest_others(LINE, 3)
    assert rows.tolist() == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]
    assert distances[2].tolist() == [2, 3, 4]


def test_a_twin_is_a_neighbor_at_distance_0():
    distances, rows = nearest_others(np.array([[1.0, 2], [5, 5], [1, 2]]), 1)
    assert (rows[0, 0], rows[2, 0]) == (2, 0) and distances[0, 0] == 0


def test_the_samples_nearest_to_a_new_one():
    distances, rows = nearest_to(np.array([[2.5, 0]]), LINE, 2)
    assert rows.tolist() == [[2, 1]] and distances.tolist() == [[0.5, 1.5]]


def test_embeddings_are_compared_by_angle():
    vectors = unit_vectors(np.array([[3.0, 4], [30, 40], [-3, -4], [0, 0]]))
    assert vectors[0] == pytest.approx([0.6, 0.8]) and np.allclose(vectors[0], vectors[1])
    assert np.linalg.norm(vectors[0] - vectors[2]) == pytest.approx(2)
    assert np.isfinite(vectors).all()
