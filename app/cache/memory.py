"""LRU cache of values that all sessions share; each is computed once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Memory(Generic[V]):
    """LRU cache with a total size; sessions that want the same value wait for one computation.

    No lock is held while a value is computed but that of its own key: nobody waits for the value of another.

    Args:
        limit: total size of the values kept; the newest is kept whatever its size.
        size_of: of a value, in the same unit.
    """

    def __init__(self, limit: int, size_of: Callable[[V], int]):
        self._limit, self._size_of = limit, size_of
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._computing: dict[Hashable, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, compute: Callable[[], V]) -> V:
        """The value of a key, computed if not cached. Exceptions of `compute` are not cached."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            own = self._computing.setdefault(key, threading.Lock())
        with own:
            with self._lock:
                if key in self._values:  # computed while this session waited
                    return self._values[key]
            try:
                value = compute()
            finally:
                with self._lock:
                    self._computing.pop(key, None)
            with self._lock:
                self._keep(key, value)
            return value

    def _keep(self, key: Hashable, value: V) -> None:
        if key in self._values:
            self._size -= self._size_of(self._values.pop(key))
        self._values[key] = value
        self._size += self._size_of(value)
        while self._size > self._limit and len(self._values) > 1:
            self._size -= self._size_of(self._values.popitem(last=False)[1])

    def find(self, is_wanted: Callable[[Hashable], bool]) -> V | None:
        """The first cached value whose key satisfies a predicate; None without any."""
        with self._lock:
            return next((value for key, value in self._values.items() if is_wanted(key)), None)
