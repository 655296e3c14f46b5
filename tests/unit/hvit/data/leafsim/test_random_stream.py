"""Random numbers of drawn leaves."""

import numpy as np
import pytest

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.random_stream import RandomStream


def test_a_stream_is_the_same_for_ever():
    draws = RandomStream(Address(7, 42), "outline")
    # From numpy's Philox, whose raw words are guaranteed: any other value means that every leaf has changed.
    assert draws.uniform() == pytest.approx(0.6243153774331733, abs=1e-15)
    assert draws.normal(3) == pytest.approx([-1.1655717, -0.1399944, 1.0730437], abs=1e-6)


def test_parts_and_leaves_have_streams_of_their_own():
    first = RandomStream(Address(7, 42), "outline").uniform(size=1000)
    for other in (
        RandomStream(Address(7, 42), "veins"),
        RandomStream(Address(7, 43), "outline"),
        RandomStream(Address(8, 42), "outline"),
    ):
        assert abs(np.corrcoef(first, other.uniform(size=1000))[0, 1]) < 0.12


def test_normal_numbers_have_mean_0_and_variance_1_and_no_outliers():
    values = RandomStream(Address(1, 2), "a").normal((400, 500))
    assert abs(values.mean()) < 0.01 and values.std() == pytest.approx(1, abs=0.01) and np.abs(values).max() < 3.5


def test_choices_follow_their_weights():
    draws = RandomStream(Address(1, 3), "b")
    picked = [draws.pick(["rare", "often"], [1, 3]) for _ in range(4000)]
    assert picked.count("often") == pytest.approx(3000, abs=120)
    assert {draws.count(2, 4) for _ in range(200)} == {2, 3, 4}
