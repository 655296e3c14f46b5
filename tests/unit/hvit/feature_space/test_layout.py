"""Coordinates of maps: seeded, laid onto each other, and new samples placed without moving the others."""

import numpy as np
import pytest

from hvit.feature_space.layout import embed_new, fit_layout, perplexity_for, procrustes


@pytest.fixture(scope="module")
def clusters():
    """Three groups of 20 in four dimensions."""
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    return 6 * np.eye(4)[labels] + draw.normal(size=(60, 4)), labels


@pytest.fixture(scope="module")
def coordinates(clusters):
    return fit_layout(clusters[0], seed=3)


def test_the_same_seed_gives_the_same_map(clusters, coordinates):
    assert np.array_equal(fit_layout(clusters[0], seed=3), coordinates)


def test_groups_stay_together(clusters, coordinates):
    _, labels = clusters
    centers = np.stack([coordinates[labels == k].mean(0) for k in range(3)])
    nearest = np.linalg.norm(coordinates[:, None] - centers[None], axis=2).argmin(1)
    assert np.array_equal(nearest, labels)


def test_perplexity_fits_the_number_of_samples():
    assert (perplexity_for(4), perplexity_for(61), perplexity_for(1000)) == (1, 20, 30)


@pytest.mark.parametrize("mirror", [1, -1])
def test_procrustes_takes_back_a_rotation_a_reflection_and_a_shift(mirror):
    points = np.random.default_rng(0).normal(size=(30, 2))
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1, mirror])
    moved = points @ turn + [5, -3]
    motion = procrustes(moved, points)
    assert np.abs(motion(moved) - points).max() < 1e-5
    assert np.allclose(motion.rotation @ motion.rotation.T, np.eye(2))


def test_procrustes_leaves_the_size_alone():
    points = np.random.default_rng(0).normal(size=(30, 2))
    laid = procrustes(3 * points, points)(3 * points)
    assert np.ptp(laid, axis=0) == pytest.approx(3 * np.ptp(points, axis=0), rel=1e-5)


def test_a_map_initialized_from_another_stays_similar(clusters, coordinates):
    features, _ = clusters
    turned = coordinates @ np.array([[0.0, 1], [-1, 0]])
    again = fit_layout(features, seed=3, start=turned)
    laid = procrustes(again, turned)
    assert np.allclose(laid.rotation, np.eye(2), atol=0.5)  # begun turned, it stays turned
    assert np.linalg.norm(laid(again) - turned, axis=1).mean() < 0.5 * coordinates.std()


def test_a_refined_sample_lies_within_its_group_of_a_map_that_is_not_centered(clusters, coordinates):
    features, labels = clusters
    shifted = coordinates + np.array([100, -40], dtype=np.float32)
    queries = 6 * np.eye(4)[[0, 2]]
    placed = embed_new(queries, features, shifted)
    for position, own in zip(placed, (0, 2)):
        group = shifted[labels == own]
        reach = np.linalg.norm(group - group.mean(0), axis=1).max()
        assert np.linalg.norm(position - group.mean(0)) < 1.5 * reach
