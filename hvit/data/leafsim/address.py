"""Addresses of rendered leaves, `leafsim:v1/<seed>/<index>`, from which they can be rendered again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SCHEME = "leafsim:"
VERSION = 1
MOST_LEAVES = 1_000_000  # of a range: each takes about a kilobyte while it is read
MOST_INDEX = 10**12
SPLITS = ("train",) * 8 + ("val", "test")  # by the last digit of the index


class AddressError(ValueError):
    """A text that is no LeafSim address."""


@dataclass(frozen=True)
class Address:
    """Address of a rendered leaf. Any change of pixels needs a new version; seeds separate data sets.

    Attributes:
        seed: of the data set, not negative.
        index: of the leaf in it, not negative.
    """

    seed: int
    index: int

    def __str__(self) -> str:
        return f"{SCHEME}v{VERSION}/{self.seed}/{self.index}"

    @property
    def split(self) -> str:
        """train, val or test: eight, one and one of ten leaves in a row."""
        return SPLITS[self.index % len(SPLITS)]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`leafsim:v1/7/42` -> seed 7, index 42.

        Raises:
            AddressError: it is not such a name, or one of another version.
        """
        seed, index = _parts(text, r"(\d+)")
        return cls(int(seed), int(index))


@dataclass(frozen=True)
class Span:
    """A contiguous range of rendered leaves: `leafsim:v1/<seed>/<first>-<last>`, both ends included."""

    seed: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"{SCHEME}v{VERSION}/{self.seed}/{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[Address]:
        return (Address(self.seed, index) for index in range(self.first, self.last + 1))

    @classmethod
    def parse(cls, text: str) -> "Span":
        """`leafsim:v1/7/0-4999` -> the first 5,000 leaves of seed 7.

        Raises:
            AddressError: it is not such a name, one of another version, or the last leaf comes before the first.
        """
        seed, span = _parts(text, r"(\d+-\d+)")
        first, last = map(int, span.split("-"))
        if last - first >= MOST_LEAVES or last >= MOST_INDEX:
            raise AddressError(
                f"{text}: a range may hold {MOST_LEAVES:,} leaves, of numbers below {MOST_INDEX:,}; the largest from "
                f"here on is {seed}/{min(first, MOST_INDEX - 1)}-{min(first + MOST_LEAVES, MOST_INDEX) - 1}"
            )
        if last < first:
            raise AddressError(f"{text}: leaf {last} comes before leaf {first}; write {seed}/{last}-{first}")
        return cls(int(seed), first, last)


def _parts(text: str, last: str) -> list[str]:
    match = re.fullmatch(rf"{SCHEME}v(\d+)/(\d+)/{last}", text)
    if match is None:
        example = "0-4999" if "-" in last else "42"
        raise AddressError(f"{text!r} is no LeafSim address; expected {SCHEME}v{VERSION}/7/{example}")
    if int(match.group(1)) != VERSION:
        raise AddressError(f"{text}: this program renders LeafSim version {VERSION}, not {match.group(1)}")
    return list(match.groups()[1:])
