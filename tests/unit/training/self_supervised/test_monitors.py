"""Collapse is seen, and health is not taken for it."""

import math

import numpy as np
import pytest

from training.self_supervised.monitors import collapse, effective_rank, knn_top1, probe_top1, spread

RNG = np.random.default_rng(0)
HEALTHY = RNG.normal(size=(400, 32)).astype(np.float32)


def test_spread_is_1_for_even_directions_and_0_for_one():
    assert spread(HEALTHY) == pytest.approx(1.0, abs=0.02)
    assert spread(np.ones((10, 8))) == pytest.approx(0.0, abs=1e-12)


def test_effective_rank_counts_equal_directions():
    axes = np.concatenate([np.eye(4), -np.eye(4)])  # four directions, equally used
    assert effective_rank(np.pad(axes, ((0, 0), (0, 6)))) == pytest.approx(4.0)
    assert effective_rank(np.outer(np.arange(9.0), np.ones(5))) == pytest.approx(1.0)


def test_effective_rank_of_uneven_directions_by_hand():
    values = np.diag([3.0, 1.0])
    shares = np.array([0.75, 0.25])
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(np.concatenate([values, -values])) == pytest.approx(expected)


def test_neighbors_and_probe_classify_separable_features():
    labels = np.repeat(["a", "b", "c"], 30)
    places = np.repeat(np.eye(3), 30, 0) + RNG.normal(scale=0.1, size=(90, 3))
    assert knn_top1(places[::2], labels[::2], places[1::2], labels[1::2]) == 1
    assert probe_top1(places[::2], labels[::2], places[1::2], labels[1::2]) == 1
    shuffled = RNG.permutation(labels[1::2])
    assert knn_top1(places[::2], labels[::2], places[1::2], shuffled) < 0.7


def test_a_training_without_collapse_continues():
    assert collapse("simclr", 3.0, 5.0, HEALTHY, 0.5, 0.4) is None
    assert collapse("mae", 0.8, 1.0, HEALTHY + 3, 0.5, 0.4) is None
    assert collapse("simclr", 3.0, 5.0, HEALTHY, None, None) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"loss": 4.97}, "uninformative features have 5.0000"),
        ({"loss": float("nan")}, "not finite"),
        ({"vectors": np.ones((50, 32)) + 1e-3 * HEALTHY[:50]}, "spread"),
        ({"vectors": HEALTHY[:, :1] @ RNG.normal(size=(1, 32))}, "directions of 32"),
        ({"knn": 0.19}, "random weights 40.0%"),
    ],
)
def test_each_sign_of_collapse_is_named(change, expected):
    healthy = {"method": "simclr", "loss": 3.0, "chance": 5.0, "vectors": HEALTHY, "knn": 0.5, "control": 0.4}
    reason = collapse(**healthy | change)
    assert reason.startswith("collapse") and expected in reason
