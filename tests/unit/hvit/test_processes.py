"""Work on several processes: order, errors, and how many are worth it."""

import os
from functools import partial

import pytest

from hvit import processes
from hvit.processes import run_in_order, suggested_workers


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_come_in_the_order_of_the_calls(workers):
    assert [answer() for answer in run_in_order([partial(pow, i, 2) for i in range(40)], workers)] == [
        i**2 for i in range(40)
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_that_fails_raises_in_order_and_the_others_still_run(workers):
    first, second, third = run_in_order([partial(int, text) for text in ("1", "two", "3")], workers)
    assert first() == 1 and third() == 3
    with pytest.raises(ValueError, match="two"):
        second()


def test_several_workers_are_other_processes_and_one_is_this():
    assert [answer() for answer in run_in_order([os.getpid], 1)] == [os.getpid()]
    assert os.getpid() not in [answer() for answer in run_in_order([os.getpid] * 3, 2)]


def test_calls_are_taken_no_further_ahead_than_memory_allows():
    taken = []
    found = run_in_order((taken.append(i) or partial(abs, i) for i in range(1000)), 2)
    assert next(found)() == 0 and len(taken) == 2 * processes.AHEAD
    found.close()


def test_few_calls_start_no_process(monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 4)
    assert [suggested_workers(calls) for calls in (0, 60, 100, 10_000)] == [1, 1, 2, 4]


@pytest.mark.parametrize(("load", "free"), [(0.0, 4), (0.4, 4), (1.6, 2), (9.0, 1)])
def test_free_cores_are_those_that_others_leave(monkeypatch, load, free):
    monkeypatch.setattr(processes, "cores", lambda: 4)
    monkeypatch.setattr(processes, "_cgroup_quota", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0, 0), raising=False)
    assert processes.free_cores() == free


@pytest.mark.parametrize(("text", "quota"), [("150000 100000\n", 1.5), ("max 100000\n", 4), ("", 4)])
def test_the_quota_of_a_container_limits_the_cores(monkeypatch, tmp_path, text, quota):
    monkeypatch.setattr(processes, "cores", lambda: 4)
    (tmp_path / "cpu.max").write_text(text)
    assert processes._cgroup_quota(tmp_path / "cpu.max") == quota
    assert processes._cgroup_quota(tmp_path / "absent") == 4
