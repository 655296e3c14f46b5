"""A part of the device check: name, time limit and function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Row = dict  # one finding as JSON: "check" names it, "passed" is true, false, or null where it only measures


@dataclass(frozen=True)
class Settings:
    """Settings shared by all parts.

    Attributes:
        device: cpu or cuda.
        photos_per_epoch: that the minutes of an epoch are estimated for.
    """

    device: str
    photos_per_epoch: int

    @property
    def on_gpu(self) -> bool:
        """Whether an accelerator is checked."""
        return self.device == "cuda"

    def minutes_per_epoch(self, images_per_s: float) -> float:
        """Minutes of an epoch at a throughput."""
        return self.photos_per_epoch / images_per_s / 60


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: for `--parts`; the group is the part before a colon.
        limit_s: seconds after which it is ended.
        run: yields rows as soon as each is known; may raise anything.
        skipped: why it is left out on this machine; None where it runs.
    """

    name: str
    limit_s: float
    run: Callable[[Settings], Iterator[Row]]
    skipped: str | None = None

    @property
    def group(self) -> str:
        """Group of the part."""
        return self.name.split(":")[0]
