"""How long a model takes for one photo on this machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from hvit.models import SIZES, create_model

WARM_UP, PASSES = 2, 10


@dataclass(frozen=True)
class Latency:
    """Times of single passes.

    Attributes:
        name: of the model.
        threads: it was allowed.
        img_size: side of the photo in px.
        times_ms: of each pass, in the order they were made.
    """

    name: str
    threads: int
    img_size: int
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def range_ms(self) -> tuple[float, float]:
        """The quickest and the slowest pass."""
        return min(self.times_ms), max(self.times_ms)


@torch.inference_mode()
def measure(
    name: str, threads: list[int], img_size: int = 224, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Latency]:
    """Times one photo at a time on the CPU, with weights drawn at random: these do not matter for time.

    Args:
        name: one of the family.
        threads: one row of times for each of these numbers.
        img_size: side of the photo in px.
        progress: called with the passes done and their number.
    """
    before = torch.get_num_threads()
    bands = SIZES[name].spectral_chans
    model, images = create_model(name).eval(), torch.zeros(1, 3, img_size, img_size)
    inputs = (images, torch.zeros(1, bands, img_size, img_size)) if bands else (images,)
    rows, each = [], WARM_UP + PASSES
    try:
        for row, count in enumerate(threads):
            torch.set_num_threads(count)
            times = []
            for done in range(each):
                began = time.perf_counter()
                model(*inputs)
                times.append(1000 * (time.perf_counter() - began))
                progress(row * each + done + 1, len(threads) * each)
            rows.append(Latency(name, count, img_size, tuple(times[WARM_UP:])))
    finally:
        torch.set_num_threads(before)
    return rows
