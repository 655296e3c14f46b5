"""Values that sessions share: computed once, bounded in size, and nobody waits for another's."""

import threading

import pytest

from app.cache.memory import Memory


def test_a_value_is_computed_once():
    memory, calls = Memory(10, len), []
    for _ in range(3):
        assert memory.get("a", lambda: calls.append(1) or "abc") == "abc"
    assert calls == [1]


def test_the_least_recently_used_goes_first():
    memory = Memory(6, len)
    for key in "ab":
        memory.get(key, lambda: "xyz")
    memory.get("a", lambda: pytest.fail("it is kept"))
    memory.get("c", lambda: "xyz")
    computed = []
    for key in "acb":
        memory.get(key, lambda key=key: computed.append(key) or "xyz")
    assert computed == ["b"]


def test_the_newest_is_kept_whatever_its_size():
    memory = Memory(5, len)
    memory.get("small", lambda: "abc")
    memory.get("large", lambda: "x" * 100)
    assert len(memory) == 1 and memory.get("large", lambda: pytest.fail("it is kept")) == "x" * 100


def test_what_fails_is_not_kept():
    memory = Memory(5, len)
    with pytest.raises(OSError):
        memory.get("a", lambda: (_ for _ in ()).throw(OSError()))
    assert memory.get("a", lambda: "abc") == "abc"


def test_sessions_that_want_one_value_wait_for_one_computation():
    memory, started, go_on, calls = Memory(100, len), threading.Event(), threading.Event(), []

    def compute():
        calls.append(1)
        started.set()
        assert go_on.wait(30)
        return "abc"

    found = []
    threads = [threading.Thread(target=lambda: found.append(memory.get("a", compute))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert started.wait(30)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert found == ["abc"] * 5 and calls == [1]


def test_nobody_waits_for_the_value_of_another_key():
    memory, started, go_on = Memory(100, len), threading.Event(), threading.Event()

    def slow():
        started.set()
        assert go_on.wait(30)
        return "slow"

    thread = threading.Thread(target=memory.get, args=("a", slow))
    thread.start()
    assert started.wait(30)
    assert memory.get("b", lambda: "quick") == "quick"  # while the other is computed
    assert memory.find(lambda key: key == "b") == "quick" and memory.find(lambda key: key == "a") is None
    go_on.set()
    thread.join(30)
    assert memory.find(lambda key: key == "a") == "slow"
