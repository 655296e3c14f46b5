"""Random numbers of one part of one leaf: a change in one part leaves every other as it was."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from hvit.data.leafsim.address import Address

_LOW = np.uint64(0x0000FFFF0000FFFF)


class RandomStream:
    """A stream of random numbers that is a pure function of (version, seed, index, part).

    Built on the raw words of Philox alone, whose stream numpy guarantees; its distributions may change between
    versions of numpy.
    """

    def __init__(self, address: Address, part: str):
        key = hashlib.blake2b(f"{address}/{part}".encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=int.from_bytes(key, "little"))

    def uniform(self, low: float = 0.0, high: float = 1.0, size: int | tuple[int, ...] | None = None):
        """Numbers in [low, high): a float, or an array of float64 of this size."""
        raw = self._bits.random_raw(None if size is None else int(np.prod(size)))
        if size is None:
            return low + (high - low) * ((raw >> 11) / 2**53)
        return (low + (high - low) * ((raw >> np.uint64(11)) / 2**53)).reshape(size)

    def normal(self, size: int | tuple[int, ...]) -> np.ndarray:
        """Nearly normal numbers of mean 0 and variance 1, float32: sums of four uniform ones, within 3.5."""
        words = self._bits.random_raw(int(np.prod(size)))
        pairs = (words & _LOW) + ((words >> np.uint64(16)) & _LOW)  # four words of 16 bits, added two by two
        sums = (pairs & np.uint64(0xFFFFFFFF)) + (pairs >> np.uint64(32))
        return ((sums.astype(np.float32) - 131070) * np.float32(3**0.5 / 65536)).reshape(size)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def count(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.uniform(low, high + 1))

    def pick(self, options: Sequence, weights: Sequence[float] | None = None):
        """One of the options, with probability proportional to its weight."""
        shares = np.cumsum(np.ones(len(options)) if weights is None else weights)
        return options[int(np.searchsorted(shares, self.uniform() * shares[-1], side="right"))]


Part = Callable[[str], RandomStream]  # gives the numbers of a named part of one leaf
