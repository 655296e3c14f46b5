import numpy as np
import pytest

from training.inputs.sampler import Sampler, sample_weights


def test_equal_weights_show_every_photo_once_an_epoch():
    sampler = Sampler(np.ones(57), seed=1)
    first, second = sampler(np.arange(57)), sampler(np.arange(57, 114))
    assert sorted(first) == sorted(second) == list(range(57))
    assert list(first) != list(second)


@pytest.mark.case("T12")
def test_order_does_not_depend_on_what_was_asked_before():
    asked_in_order = Sampler(np.ones(30), seed=5)(np.arange(90))
    asked_backwards = Sampler(np.ones(30), seed=5)
    assert [asked_backwards(np.array([g]))[0] for g in reversed(range(90))] == list(reversed(asked_in_order))


def test_weights_decide_how_often_a_photo_is_sampled():
    drawn = Sampler(np.array([3.0, 1.0, 1.0, 1.0]), seed=0)(np.arange(4 * 300))
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == 600  # 3/6 of 1200
    assert counts.sum() == 1200


def test_full_balance_draws_classes_evenly_and_sources_by_their_weight():
    labels, sources = np.array([0] * 90 + [1] * 10), ["a"] * 100
    weights = sample_weights(labels, sources, balance=1.0, source_weights={})
    assert abs(weights[:90].sum() - weights[90:].sum()) < 1e-9
    doubled = sample_weights(np.array([0, 0]), ["a", "b"], 0.0, {"b": 2.0})
    assert list(doubled) == [1.0, 2.0]
