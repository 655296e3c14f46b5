"""Versions, memory, matrix-product and copy rates of the machine."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import torch

from hvit.speed import benchmark
from training.device_checks.part import Row, Settings

MATRIX_SIDE = {"cuda": 8192, "cpu": 1024}
COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 26}
REPEATS = 10


def check_machine(settings: Settings) -> Iterator[Row]:
    """Reports versions and memory, then measures the rates of a bf16 matrix product and of copies."""
    yield {"check": "machine", "passed": None, **benchmark.machine(), **(_gpu() if settings.on_gpu else {})}
    device, side = settings.device, MATRIX_SIDE[settings.device]
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = _seconds(lambda: left @ right, device)
    yield {"check": "bf16 matrix product", "passed": None, "side": side, "tflops": 2 * side**3 / seconds / 1e12}
    source = torch.zeros(COPIED_BYTES[device], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = _seconds(lambda: target.copy_(source), device)
    yield {"check": "copy, read and written", "passed": None, "gb_per_s": 2 * source.nbytes / seconds / 1e9}
    if settings.on_gpu:
        pinned = torch.zeros(COPIED_BYTES["cpu"], dtype=torch.uint8).pin_memory()
        seconds = _seconds(lambda: pinned.to(device, non_blocking=True), device)
        yield {"check": "copy from pinned memory", "passed": None, "gb_per_s": pinned.nbytes / seconds / 1e9}


def _gpu() -> Row:
    free, total = torch.cuda.mem_get_info()
    capability = ".".join(map(str, torch.cuda.get_device_capability()))
    return {
        "gpus": torch.cuda.device_count(),
        "driver": _driver(),
        "compute_capability": capability,
        "memory_gb": total / 1e9,
        "free_memory_gb": free / 1e9,
        "cudnn": torch.backends.cudnn.version(),
        "nccl": ".".join(map(str, torch.cuda.nccl.version())) if torch.distributed.is_nccl_available() else None,
        "bf16": torch.cuda.is_bf16_supported(),
    }


def _driver() -> str | None:
    """Driver version; None without nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return None
    words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    found = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    lines = found.stdout.split()
    return lines[0] if found.returncode == 0 and lines else None


def _seconds(call: Callable[[], object], device: str) -> float:
    """Mean seconds of a call after a warm-up."""
    for _ in range(3):
        call()
    _wait(device)
    began = time.perf_counter()
    for _ in range(REPEATS):
        call()
    _wait(device)
    return (time.perf_counter() - began) / REPEATS


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
