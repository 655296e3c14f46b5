"""Counter-based random numbers, one independent stream for each part of each leaf."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar, overload

import numpy as np

from hvit.data.leafsim.address import Address

T = TypeVar("T")
_LOW = np.uint64(0x0000FFFF0000FFFF)


class RandomStream:
    """A stream of random numbers determined by (version, seed, index, part).

    Streams are independent: a change in how one part uses its numbers leaves all other parts as they were. Only the raw
    words of Philox are used, whose stream NumPy guarantees; NumPy's distributions may change between versions.

    >>> RandomStream(Address(seed=7, index=42), "outline").count(1, 6) in range(1, 7)
    True
    """

    def __init__(self, address: Address, part: str):
        key = hashlib.blake2b(f"{address}/{part}".encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=int.from_bytes(key, "little"))

    @overload
    def uniform(self, low: float = 0.0, high: float = 1.0, size: None = None) -> float: ...

    @overload
    def uniform(self, low: float = 0.0, high: float = 1.0, *, size: int | tuple[int, ...]) -> np.ndarray: ...

    @overload
    def uniform(self, low: float, high: float, size: int | tuple[int, ...]) -> np.ndarray: ...

    def uniform(
        self, low: float = 0.0, high: float = 1.0, size: int | tuple[int, ...] | None = None
    ) -> float | np.ndarray:
        """Numbers in [low, high): a float, or an array of float64 of this size."""
        if size is None:
            word: int = self._bits.random_raw(None)
            return low + (high - low) * ((word >> 11) / 2**53)
        words = self._bits.random_raw(int(np.prod(size)))
        values: np.ndarray = (low + (high - low) * ((words >> np.uint64(11)) / 2**53)).reshape(size)
        return values

    def normal(self, size: int | tuple[int, ...]) -> np.ndarray:
        """Approximately standard normal numbers, float32: sums of four uniform ones, in [-3.5, 3.5]."""
        words = self._bits.random_raw(int(np.prod(size)))
        pairs = (words & _LOW) + ((words >> np.uint64(16)) & _LOW)  # four words of 16 bits, added two by two
        sums = (pairs & np.uint64(0xFFFFFFFF)) + (pairs >> np.uint64(32))
        return ((sums.astype(np.float32) - 131070) * np.float32(3**0.5 / 65536)).reshape(size)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def count(self, low: int, high: int) -> int:
        """A uniform integer from low to high, inclusive."""
        return int(self.uniform(low, high + 1))

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """A random choice, with probabilities proportional to the weights."""
        shares = np.cumsum(np.ones(len(options)) if weights is None else weights)
        return options[int(np.searchsorted(shares, self.uniform() * shares[-1], side="right"))]


Part = Callable[[str], RandomStream]  # the random stream of a named part of one leaf
