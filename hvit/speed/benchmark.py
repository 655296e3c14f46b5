"""Speed benchmarks of models, interleaved (A B A B) so that other load affects all models alike.

Weights and images are random, which does not matter for time. Ratios are taken within a turn, then their median: they
are more reliable than absolute speeds, which depend on machine and load.
"""

import gc
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from hvit.models import SIZES, create_model
from hvit.models.baselines import PREFIX, plain_model

NUM_CLASSES = 1000
WARM_UP = 2  # passes before any counts
LEAST_S = 0.5  # that a model computes in a turn
TURNS = 7
SHORT = {  # names that papers use, as timm writes them
    "deit_small": "deit_small_patch16_224",
    "swin_tiny": "swin_tiny_patch4_window7_224",
    "hiera_tiny": "hiera_tiny_224",
}
RIVALS = ("deit_small", "swin_tiny", "convnext_tiny", "hiera_tiny", "resnet50")
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
Builder = Callable[[str, int], nn.Module]  # of a name and a side in px


@dataclass(frozen=True)
class Setting:
    """Benchmark setting: mode, device, precision, batch.

    Attributes:
        mode: infer, a forward pass; or train, also the backward pass and a step of AdamW.
        device: cpu or cuda.
        precision: fp32; or bf16, in training by autocast.
        compiled: whether `torch.compile` made it.
        threads: of the CPU; None on an accelerator.
        batch_size: images a pass.
        img_size: their side in px.
    """

    mode: str
    device: str
    precision: str
    compiled: bool
    threads: int | None
    batch_size: int
    img_size: int


@dataclass(frozen=True)
class Timing:
    """Measured times of a model in a setting.

    Attributes:
        model: its name.
        times_ms: of a pass, the mean over each turn.
        peak_mb: most memory of its tensors at once, in 10^6 bytes: weights, gradients, moments and activations.
        first_s: seconds the first pass took, compiling included.
    """

    model: str
    setting: Setting
    times_ms: tuple[float, ...]
    peak_mb: float
    first_s: float

    @property
    def median_ms(self) -> float:
        """Median time of a pass over the turns."""
        return statistics.median(self.times_ms)

    @property
    def range_ms(self) -> tuple[float, float]:
        """Fastest and slowest turn."""
        return min(self.times_ms), max(self.times_ms)

    @property
    def images_per_s(self) -> float:
        """Throughput at the median time."""
        return 1000 * self.setting.batch_size / self.median_ms

    def times_as_fast(self, other: "Timing") -> tuple[float, float, float]:
        """Speed relative to another model of the same turns: median over the turns, lowest and highest."""
        ratios = [theirs / own for own, theirs in zip(self.times_ms, other.times_ms, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)


def measure(
    names: Sequence[str],
    setting: Setting,
    turns: int = TURNS,
    least_s: float = LEAST_S,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Timing]:
    """Times several models in one setting, see `measure_all`."""
    return measure_all([(name, setting) for name in dict.fromkeys(names)], turns, least_s, progress)


def measure_all(
    cases: Sequence[tuple[str, Setting]],
    turns: int = TURNS,
    least_s: float = LEAST_S,
    progress: Callable[[int, int], None] = lambda done, total: None,
    builder: Builder | None = None,
) -> list[Timing]:
    """Times several models, or one in several settings, interleaved.

    Args:
        cases: names of this family or of timm, and how each is run; all with the same number of threads.
        turns: each computes once in each.
        least_s: seconds a model computes in a turn; 0 is one pass.
        progress: called with the turns of single models done and their number.
        builder: makes the models; `build` where it is not given.
    Raises:
        ValueError: there is no such model, or it does not compute at this size.
    """
    before = torch.get_num_threads()
    try:
        [threads] = {setting.threads for _, setting in cases}
        if threads is not None:
            torch.set_num_threads(threads)
        made = [_Case(name, setting, builder or build) for name, setting in cases]
        done, total = 0, (turns + 1) * len(made)
        for case in made:
            case.warm_up(least_s)
            progress(done := done + 1, total)
        for _ in range(turns):
            for case in made:
                case.take_turn()
                progress(done := done + 1, total)
        return [Timing(c.name, c.setting, tuple(c.times_ms), c.peak_mb, c.first_s) for c in made]
    finally:
        torch.set_num_threads(before)


class _Case:
    """One model in one setting."""

    def __init__(self, name: str, setting: Setting, builder: Builder):
        self.name, self.setting = name, setting
        self.times_ms: list[float] = []
        before = _allocated(setting.device)
        model = builder(name, setting.img_size)
        # This family trains on CUDA in contiguous memory, see `hvit.models.layers.for_convolution`.
        as_trained = setting.device == "cuda" and setting.mode == "train" and name in SIZES
        layout = torch.contiguous_format if as_trained else torch.channels_last
        self._model = model.to(device=setting.device, memory_format=layout)  # type: ignore[call-overload]  # as documented
        dtype = TYPES[setting.precision]
        sides = (setting.batch_size, 3, setting.img_size, setting.img_size)
        self._images = torch.randn(sides, device=setting.device).contiguous(memory_format=layout)
        self._inputs: tuple[Tensor, ...] = (self._images,)
        bands = SIZES[name].spectral_chans if name in SIZES else 0
        if bands:
            self._inputs += (torch.randn(sides[0], bands, *sides[2:], device=setting.device),)
        if setting.mode == "infer":
            self._model.eval().requires_grad_(False).to(dtype)
            self._inputs = tuple(x.to(dtype) for x in self._inputs)
            self._pass = self._infer
        else:
            self._labels = torch.randint(NUM_CLASSES, (setting.batch_size,), device=setting.device)
            self._optimizer = torch.optim.AdamW(self._model.train().parameters(), lr=1e-4, fused=True)
            self._pass = self._train
        self._call = torch.compile(self._model) if setting.compiled else self._model
        self._own_bytes = _allocated(setting.device) - before

    def _infer(self) -> None:
        with torch.inference_mode():
            self._call(*self._inputs)

    def _train(self) -> None:
        with torch.autocast(self.setting.device, torch.bfloat16, enabled=self.setting.precision == "bf16"):
            loss = F.cross_entropy(self._call(*self._inputs), self._labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def warm_up(self, least_s: float) -> None:
        """Compiles, measures memory, and determines how many passes fill a turn."""
        self.first_s = self._timed(1)
        for _ in range(WARM_UP - 1):
            self._pass()
        self.peak_mb = self._peak_bytes() / 1e6
        self._passes = max(1, math.ceil(least_s / self._timed(1)))

    def take_turn(self) -> None:
        self.times_ms.append(1000 * self._timed(self._passes) / self._passes)

    def _timed(self, passes: int) -> float:
        _wait(self.setting.device)
        began = time.perf_counter()
        for _ in range(passes):
            self._pass()
        _wait(self.setting.device)
        return time.perf_counter() - began

    def _peak_bytes(self) -> float:
        if self.setting.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            held = torch.cuda.memory_allocated()  # by the other models too
            static = self._own_bytes + self._moments()
            self._pass()
            return torch.cuda.max_memory_allocated() - held + static
        return _tensor_bytes(self._model, self._inputs) + self._moments() + _peak_of_allocations(self._pass)

    def _moments(self) -> int:
        if self.setting.mode == "infer":
            return 0
        states = (v for state in self._optimizer.state.values() for v in state.values())
        return sum(v.nbytes for v in states if isinstance(v, Tensor))


def build(name: str, img_size: int) -> nn.Module:
    """Builds a model by name, without stochastic depth.

    Args:
        name: one of this family, or one of timm's, with or without `timm:`; short names of papers are understood.
        img_size: side in px of its square images.
    Raises:
        ValueError: there is none of that name; names the nearest.
    """
    if name.startswith("hvit"):
        return cast(nn.Module, create_model(name, num_classes=NUM_CLASSES, img_size=img_size, drop_path_rate=0.0))
    bare = name.removeprefix(PREFIX)
    return plain_model(SHORT.get(bare, bare), NUM_CLASSES, img_size)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _allocated(device: str) -> int:
    if device != "cuda":
        return 0
    gc.collect()
    return torch.cuda.memory_allocated()


def _tensor_bytes(model: nn.Module, inputs: Sequence[Tensor]) -> int:
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers(), *inputs))


def _peak_of_allocations(call: Callable[[], None]) -> int:
    """Peak memory of tensors allocated during a call on the CPU, in bytes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    return peak


def machine() -> dict[str, str | int]:
    """Description of the machine, without its name."""
    facts: dict[str, str | int] = {
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    facts |= {"cpu": _cpu(), "cpu_threads": os.cpu_count() or 1}
    if torch.cuda.is_available():
        facts |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda or ""}
    return facts


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def to_dict(timing: Timing, first: Timing, eager: Timing | None = None) -> dict[str, Any]:
    """Converts a timing to a record for JSON; floats are not rounded.

    Args:
        first: the timing this one is compared with.
        eager: the same model, not compiled, of the same turns.
    """
    median, low, high = timing.times_as_fast(first)
    row = {"model": timing.model, **asdict(timing.setting), "images_per_s": timing.images_per_s}
    row |= {"median_ms": timing.median_ms, "times_ms": list(timing.times_ms)}
    row |= {"peak_mb": timing.peak_mb, "first_s": timing.first_s}
    row |= {"against": first.model, "times_as_fast": median, "times_as_fast_range": [low, high]}
    return row | {"times_as_fast_as_eager": None if eager is None else timing.times_as_fast(eager)[0]}
