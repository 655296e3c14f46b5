"""Threads of torch follow what other programs leave free."""

import pytest
import torch

from hvit import device


@pytest.fixture(autouse=True)
def threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("free", "limit", "threads"), [(3, None, 3), (1, None, 1), (3, "2", 2), (1, "2", 1), (3, "", 3), (3, "0", 3)]
)
def test_threads_are_the_free_cores_up_to_the_limit_of_the_environment(monkeypatch, free, limit, threads):
    monkeypatch.setattr(device, "free_cores", lambda: free)
    monkeypatch.setattr(device, "cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if limit is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
    device.use_free_cores()
    assert torch.get_num_threads() == threads
