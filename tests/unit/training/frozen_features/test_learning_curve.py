"""What more photos would bring, on cases whose answer is known."""

import numpy as np
import pytest

from training.frozen_features.learning_curve import SHARES, Curve, gain_of_twice, learning_curve, subset

COUNTS = np.array([50.0, 100.0, 200.0, 400.0])


def _curve(errors, num_photos: int = 4000, num_draws: int = 3, seed: int = 0) -> Curve:
    """Photos of unlike difficulty: one that is right with few photos stays right with more."""
    hard = np.random.default_rng(seed).permutation((np.arange(num_photos) + 0.5) / num_photos)
    wrong = np.array([hard < error for error in errors])
    return Curve(COUNTS[-len(errors) :], np.repeat(wrong[None], num_draws, axis=0))


def test_a_power_law_is_continued():
    curve = _curve(0.4 * (COUNTS / 50) ** -0.5)
    gain = gain_of_twice(curve, np.arange(4000))
    error = 0.4 * 8**-0.5
    assert gain.gain == pytest.approx(error * (1 - 2**-0.5), abs=0.001)
    assert gain.low < gain.gain < gain.high and gain.high - gain.low < 0.02
    assert gain.sentence().startswith("Twice the photos: about +4.1 points (95 %: +")


def test_a_flat_curve_promises_nothing():
    gain = gain_of_twice(_curve([0.2] * 4), np.arange(4000))
    assert gain.gain == pytest.approx(0, abs=1e-9)
    assert gain.sentence() == "Twice the photos: about +0.0 points (95 %: +0.0 to +0.0)"


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        (_curve([0.4, 0.2]), "too few photos"),
        (_curve([0.4, 0.3, 0.2], num_photos=40), "too few photos"),
        (_curve([0.4, 0.2, 0.1, 0.1]), "the curve bends"),
    ],
)
def test_nothing_is_reported_where_nothing_is_known(curve, reason):
    gain = gain_of_twice(curve, np.arange(curve.wrong.shape[2]))
    assert gain.gain is None and gain.sentence() is None and gain.reason.startswith(reason)


def test_draws_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    wrong = np.stack([_curve(0.4 * (COUNTS / 50) ** -0.5 * rng.uniform(0.8, 1.2, 4)).wrong[0] for _ in range(4)])
    same = gain_of_twice(_curve(0.4 * (COUNTS / 50) ** -0.5), np.arange(4000))
    unlike = gain_of_twice(Curve(COUNTS, wrong), np.arange(4000))
    assert unlike.gain is None or unlike.high - unlike.low > 2 * (same.high - same.low)


def test_photos_of_one_plant_count_as_one_in_the_interval():
    curve = _curve(0.4 * (COUNTS / 50) ** -0.5)
    easy_first = Curve(COUNTS, np.sort(curve.wrong, axis=2))
    alone = gain_of_twice(easy_first, np.arange(4000))
    plants = gain_of_twice(easy_first, np.arange(4000) // 40)
    assert plants.high - plants.low > 3 * (alone.high - alone.low)


def test_a_subset_takes_whole_groups_of_every_class_and_lies_in_larger_ones():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 3)
    labels = np.repeat(np.r_[np.zeros(40, dtype=int), np.ones(18, dtype=int), [2, 2]], 3)
    keys = rng.random(60)
    chosen = [subset(labels, groups, keys, share) for share in SHARES]
    for smaller, larger in zip(chosen, chosen[1:]):
        assert (smaller <= larger).all()
    for part, share in zip(chosen, SHARES):
        assert set(np.bincount(groups[part], minlength=60)) <= {0, 3}
        assert np.bincount(labels[part], minlength=3).min() >= 3
        assert abs(np.bincount(labels[part])[0] - share * 120) <= 1.5
    assert chosen[-1].all()


def test_sizes_are_counted_and_more_photos_of_overlapping_clouds_help():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    points = rng.normal(size=(4, 30))[labels] * 0.3 + rng.normal(size=(400, 30))
    divisions = [rng.permutation(np.arange(400) % 5) for _ in range(2)]
    curve = learning_curve(points, labels, np.arange(400), divisions, seed=0)
    assert curve.counts == pytest.approx([40, 80, 160, 320], abs=1)
    right = [row["top1"] for row in curve.rows()]
    assert right[0] < right[2] < right[3] and right[3] - right[0] > 0.1
    assert all(row["top1_ci"][0] < row["top1"] < row["top1_ci"][1] for row in curve.rows())


def test_a_train_fraction_too_small_for_every_class_is_left_out():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 8  # five photos a class: an eighth of four is one, twice as much as it should be
    points = rng.normal(size=(8, 6))[labels] + rng.normal(size=(40, 6))
    curve = learning_curve(points, labels, np.arange(40), [np.arange(40) // 8], seed=0)
    assert len(curve.counts) == 3 and curve.counts[0] == pytest.approx(8)
