"""Times of single passes."""

import torch

from hvit.models.latency import PASSES, WARM_UP, Latency, measure


def test_every_number_of_threads_gets_its_times_and_the_setting_comes_back():
    before, calls = torch.get_num_threads(), []
    rows = measure("hvit_tiny", [1, 2], 64, lambda done, total: calls.append((done, total)))
    assert [(row.threads, len(row.times_ms)) for row in rows] == [(1, PASSES), (2, PASSES)]
    assert all(low > 0 and low <= row.median_ms <= high for row in rows for low, high in [row.range_ms])
    assert calls[-1] == (2 * (WARM_UP + PASSES), 2 * (WARM_UP + PASSES))
    assert torch.get_num_threads() == before


def test_a_model_with_a_spectral_stream_is_measured_with_its_bands():
    assert len(measure("hvit_tiny_dfca", [1], 64)[0].times_ms) == PASSES


def test_the_median_is_not_moved_by_one_slow_pass():
    assert Latency("x", 1, 64, (1.0, 2.0, 300.0)).median_ms == 2.0
