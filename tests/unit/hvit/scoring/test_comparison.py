"""Gains of one way of training over another."""

import numpy as np
import pytest

from hvit.scoring.comparison import OUTCOMES, holm, mcnemar, outcomes, paired_f1_gain, paired_gain


def test_a_gain_is_the_difference_of_the_means_with_its_interval():
    rng = np.random.default_rng(0)
    first = rng.random((3, 2000)) < 0.6
    second = first | (rng.random((3, 2000)) < 0.25)  # right on a quarter of what the first got wrong: +10 points
    gain = paired_gain(first, second)
    assert gain.gain == pytest.approx(gain.second - gain.first) == pytest.approx(0.10, abs=0.02)
    assert 0.08 < gain.low < gain.gain < gain.high < 0.12 and (gain.runs, gain.photos) == (3, 2000)


def test_the_interval_holds_no_gain_where_there_is_none():
    rng = np.random.default_rng(1)
    gain = paired_gain(rng.random((3, 500)) < 0.7, rng.random((3, 500)) < 0.7)
    assert gain.low < 0 < gain.high


def test_seeds_that_disagree_widen_the_interval():
    even = np.zeros((3, 1000)), np.tile(np.arange(1000) < 100, (3, 1))
    uneven = np.zeros((3, 1000)), np.arange(1000)[None] < np.array([[0], [100], [200]])
    steady, shaky = paired_gain(*even), paired_gain(*uneven)
    assert steady.gain == pytest.approx(shaky.gain) == pytest.approx(0.1)
    assert shaky.high - shaky.low > 2 * (steady.high - steady.low)


def test_predictions_on_other_photos_are_refused():
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_gain(np.zeros((3, 10)), np.zeros((3, 11)))


def test_a_gain_in_macro_f1_by_hand():
    """Two classes of 30 and 10: always the first has F1 of 6/7 and 0; all right has 1 and 1."""
    labels = np.repeat([0, 1], [30, 10])
    gain = paired_f1_gain(labels, np.zeros((2, 40), dtype=int), np.stack([labels, labels]))
    assert gain.first == pytest.approx(3 / 7) and gain.second == 1.0
    assert gain.gain == pytest.approx(4 / 7) and gain.low < gain.gain < gain.high and gain.second_ci == (1.0, 1.0)
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_f1_gain(labels, np.zeros((2, 40), dtype=int), np.zeros((1, 40), dtype=int))


def test_mcnemar_by_hand():
    """One photo only the first got right, seven only the second: 2 * (C(8, 0) + C(8, 1)) / 2^8 = 18 / 256."""
    first = np.repeat([True, True, False, False], [40, 1, 7, 12])
    second = np.repeat([True, False, True, False], [40, 1, 7, 12])
    test = mcnemar(first, second)
    assert (test.only_first, test.only_second) == (1, 7) and test.p == pytest.approx(18 / 256)
    assert mcnemar(second, first).p == pytest.approx(18 / 256)
    assert mcnemar(first, first).p == 1.0
    with pytest.raises(ValueError, match="cannot be paired"):
        mcnemar(first, second[1:])


def test_holm_by_hand():
    """0.01 * 3 = 0.03; 0.03 * 2 = 0.06; 0.04 * 1 would be 0.04, but none falls below the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def test_every_photo_has_one_outcome():
    labels = np.array([0, 0, 0, 0, 0])
    numbers = outcomes(labels, np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2]))
    assert [OUTCOMES[n] for n in numbers] == list(OUTCOMES)
