import numpy as np

from training.inputs.random_streams import uniform


def test_a_sample_gets_the_same_numbers_in_any_batch():
    together = uniform(7, np.arange(100), 5, stream=2)
    assert np.array_equal(together[40:50], uniform(7, np.arange(40, 50), 5, stream=2))


def test_seeds_streams_and_samples_are_unrelated():
    base = uniform(7, np.arange(20_000), 2, stream=0)
    for other in (
        uniform(8, np.arange(20_000), 2, 0),
        uniform(7, np.arange(20_000), 2, 1),
        uniform(7, np.arange(1, 20_001), 2, 0),
    ):
        assert abs(np.corrcoef(base[:, 0], other[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(base.T)[0, 1]) < 0.03


def test_numbers_are_uniform():
    draws = uniform(0, np.arange(50_000), 1, 0)
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    assert counts.sum() == 50_000
    assert np.abs(counts - 2500).max() < 5 * 2500**0.5
