"""Roofline analysis: whether each stage of a model is bound by arithmetic or by memory."""

import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import SIZES
from hvit.speed.benchmark import TYPES, Setting, build

MARK = "part: "
PASSES, WARM_UP = 5, 2
SIDE = 1024  # of the square matrices whose product says how fast arithmetic can be here
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "linear", "convolution", "attention", "gemm")
PARTS = {"patch embedding": "backbone.patch_embed", **{f"stage {i + 1}": f"backbone.stages.{i}" for i in range(4)}}


@dataclass(frozen=True)
class Part:
    """Cost of one part of the model in a forward pass.

    Attributes:
        name: patch embedding, stage 1 to 4, or the rest: norm, mean and head.
        time_ms: of one pass.
        share: of the time of all parts.
        gmacs: billions of multiply-accumulates of the batch.
        in_products: share of its time in matrix products and convolutions; the rest moves tensors: norms, GELU,
            sums and copies.
        of_matmul: its arithmetic a second, against that of a product of large matrices here.
    """

    name: str
    time_ms: float
    share: float
    gmacs: float
    in_products: float
    of_matmul: float

    def to_dict(self) -> dict[str, Any]:
        """Value for JSON."""
        return asdict(self)


def bottlenecks(name: str, setting: Setting) -> list[Part]:
    """Profiles the parts of a forward pass of an HViT.

    Args:
        name: one of `SIZES`.
        setting: as of `hvit.speed.benchmark.measure`; eager, and on the CPU.
    Raises:
        ValueError: the model is none of this family: its parts have other names.
    """
    if name not in SIZES:
        raise ValueError(f"only models of this family are taken apart: {', '.join(SIZES)}; {name} is none")
    before = torch.get_num_threads()
    try:
        if setting.threads is not None:
            torch.set_num_threads(setting.threads)
        model = build(name, setting.img_size).eval().requires_grad_(False).to(TYPES[setting.precision])
        images = torch.randn(setting.batch_size, 3, setting.img_size, setting.img_size, dtype=TYPES[setting.precision])
        macs = _macs(name, setting)
        times, products = _times(model, images)
        speed = _speed_of_matmul(TYPES[setting.precision])
        total = sum(times.values())
        return [
            Part(part, ms, ms / total, macs[part], products[part] / ms, macs[part] * 1e9 / (ms / 1e3) / speed)
            for part, ms in times.items()
        ]
    finally:
        torch.set_num_threads(before)


def _times(model: nn.Module, images: torch.Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of each part, and of its matrix products."""
    for part, path in PARTS.items():
        _mark(model.get_submodule(path), part)
    with torch.inference_mode():
        for _ in range(WARM_UP):
            model(images)
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for _ in range(PASSES):
                with record_function(MARK + "norm, mean and head"):
                    model(images)
    times: defaultdict[str, float] = defaultdict(float)
    products: defaultdict[str, float] = defaultdict(float)
    for event in found.events():
        if event.name.startswith(MARK):
            times[event.name.removeprefix(MARK)] += event.cpu_time_total / 1e3 / PASSES
        elif (enclosing := _part_of(event)) is not None:
            if any(word in event.name for word in PRODUCTS) and not _within_product(event):
                products[enclosing] += event.cpu_time_total / 1e3 / PASSES
    rest = "norm, mean and head"  # self time: enclosing events minus nested ones
    times[rest] -= sum(ms for part, ms in times.items() if part != rest)
    ordered = [*PARTS, rest]
    return {part: times[part] for part in ordered}, {part: products[part] for part in ordered}


def _mark(module: nn.Module, part: str) -> None:
    forward = module.forward

    def marked(*args: Any, **kwargs: Any) -> Any:
        with record_function(MARK + part):
            return forward(*args, **kwargs)

    module.forward = marked


def _part_of(event: Any) -> str | None:
    while event is not None:
        if event.name.startswith(MARK):
            return event.name.removeprefix(MARK)
        event = event.cpu_parent
    return None


def _within_product(event: Any) -> bool:
    event = event.cpu_parent
    while event is not None and not event.name.startswith(MARK):
        if any(word in event.name for word in PRODUCTS):
            return True
        event = event.cpu_parent
    return False


def _macs(name: str, setting: Setting) -> dict[str, float]:
    """Billions of multiply-accumulates of each part, counted on the meta device."""
    with torch.device("meta"):
        model = build(name, setting.img_size).eval()
        images = torch.empty(setting.batch_size, 3, setting.img_size, setting.img_size)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(images)
    found = {path: sum(ops.values()) / 2e9 for path, ops in counter.get_flop_counts().items()}
    root = type(model).__name__
    counted = {part: found.get(f"{root}.{path}", 0.0) for part, path in PARTS.items()}
    return counted | {"norm, mean and head": counter.get_total_flops() / 2e9 - sum(counted.values())}


def _speed_of_matmul(dtype: torch.dtype) -> float:
    """Multiply-accumulates a second of a large matrix product, best of several."""
    a, b = torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)
    best = float("inf")
    for _ in range(PASSES + WARM_UP):
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return SIDE**3 / best
