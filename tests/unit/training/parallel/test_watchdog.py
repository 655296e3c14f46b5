"""Which process hangs or is gone, from what several watchdogs publish."""

import time

import pytest

from training.parallel.watchdog import Watchdog


class _Store(dict):
    """In the place of the processes' shared store."""

    def set(self, key, value):
        self[key] = value.encode()

    def check(self, keys):
        return all(key in self for key in keys)

    def get(self, key):
        return self[key]


def _watched(limit_s: float, operations: dict, alive, moves) -> list[str]:
    """What three watches over a shared store say in the end, where some processes are not alive or do not move."""
    store, text = _Store(), []
    watches = [Watchdog(store, rank, 3, limit_s, lambda rank=rank: operations[rank], text.append) for rank in alive]
    for watch in watches:
        watch.set_watched(True)
        watch.heartbeat(7)
        watch.start()
    deadline = time.monotonic() + 20 * limit_s
    while len(text) < len(watches) and time.monotonic() < deadline:
        for watch in watches:
            if watch._rank in moves:
                watch.heartbeat(7)
        time.sleep(limit_s / 20)
    for watch in watches:
        watch.stop()
        watch.join()
    return text


@pytest.mark.case("T6")
def test_the_process_with_the_fewest_started_operations_is_reported_as_hanging():
    text = _watched(0.5, {0: 9, 1: 8, 2: 9}, alive=(0, 1, 2), moves=())
    assert len(text) == 3 and set(text) == {"process 1 of 3 hangs: no progress at step 7 for 0 s"}


@pytest.mark.case("T6")
def test_a_process_without_a_sign_of_life_is_gone():
    text = _watched(0.5, {0: 9, 1: 9, 2: 9}, alive=(0, 1), moves=(0, 1))
    assert text and all(line.startswith("process 2 of 3 is gone: no sign of life") for line in text)


def test_waiting_for_a_working_process_is_no_hang():
    assert _watched(0.5, {0: 8, 1: 9, 2: 9}, alive=(0, 1, 2), moves=(0,)) == []
