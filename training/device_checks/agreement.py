"""Numerical agreement of training on this device: precision, compilation, resident photos, skipped steps, resume."""

import math
import os
import shutil
import time
from collections.abc import Iterator

import torch

from hvit.data.caching.device_photos import DevicePhotos
from training.command_line import MUST
from training.device_checks.micro import begin, largest_difference, losses_of, micro_config, temporary_folder
from training.device_checks.part import Row, Settings
from training.engine.timing import take_steps
from training.finetune import Finetuning

TOLERANCE = 1e-2  # of losses in float32, relative
TOLERANCE_BF16 = 5e-2


def check_precision(settings: Settings) -> Iterator[Row]:
    """Compares losses in float32 with the CPU, and bf16 with float32; checks that a step with a NaN loss is skipped."""
    with temporary_folder() as folder:
        exact = micro_config(folder)
        losses, _ = losses_of(exact, folder / "fp32", settings.device)
        if settings.on_gpu:
            on_cpu, _ = losses_of(exact, folder / "cpu", "cpu")
            yield _compared("float32 losses against the CPU's", losses, on_cpu, TOLERANCE)
        half, _ = losses_of(micro_config(folder, precision="bf16"), folder / "bf16", settings.device)
        yield _compared("bf16 losses against float32", half, losses, TOLERANCE_BF16)
        yield _skipped_step(begin(exact, folder / "skip", settings.device))


def _skipped_step(training: Finetuning) -> Row:
    """Checks that a step with a NaN loss leaves weights and moments unchanged."""
    take_steps(training, 1)
    before = [value.clone() for value in _learned(training)]
    true_loss = training.loss
    training.loss = lambda logits, targets: true_loss(logits, targets) * math.nan
    take_steps(training, 1)
    same = all(torch.equal(old, new) for old, new in zip(before, _learned(training), strict=True))
    passed = same and training.guard.skipped == 1
    return {"check": "a step with a loss of NaN changes no weight or moment", "passed": passed}


def _learned(training: Finetuning) -> list[torch.Tensor]:
    """Weights, optimizer moments and step counts, in a fixed order."""
    states = [training.optimizer.state[parameter] for parameter in training.learner.parameters()]
    moments = [state[key] for state in states for key in sorted(state)]
    return [*training.model.state_dict().values(), *moments]


def _state(training: Finetuning) -> list[torch.Tensor]:
    """`_learned` with the averaged weights."""
    return [*_learned(training), *training.ema.model.state_dict().values()]


def check_compile(settings: Settings) -> Iterator[Row]:
    """Compares losses of the compiled with those of the eager model."""
    with temporary_folder() as folder:
        eager, eager_s = losses_of(micro_config(folder), folder / "eager", settings.device)
        began = time.perf_counter()
        made, made_s = losses_of(micro_config(folder, compile=True), folder / "compiled", settings.device)
        row = _compared("compiled losses against eager", made, eager, TOLERANCE)
        yield row | {"whole_s": time.perf_counter() - began, "step_ms": 1000 * made_s, "eager_step_ms": 1000 * eager_s}


def no_compiler(settings: Settings) -> str | None:
    """The reason torch.compile cannot work on this machine; None where it can."""
    if settings.on_gpu:
        import importlib.util

        lacking = importlib.util.find_spec("triton") is None
        return "triton is not installed, which torch.compile needs" if lacking else None
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")
    return None if found else "no C++ compiler was found, which torch.compile needs on a CPU"


def check_resident(settings: Settings) -> Iterator[Row]:
    """Compares losses with photos kept in device memory with losses of photos copied each step."""
    with temporary_folder() as folder:
        config = micro_config(folder)
        sent, sent_s = losses_of(config, folder / "sent", settings.device, _send_photos)
        resident, resident_s = losses_of(config, folder / "resident", settings.device, _keep_photos)
        row = _compared("losses with resident photos against photos sent each step", resident, sent, TOLERANCE)
        yield row | {"step_ms": 1000 * resident_s, "sent_step_ms": 1000 * sent_s}


def _send_photos(training: Finetuning) -> None:
    training.photos.resident = None


def _keep_photos(training: Finetuning) -> None:
    cache = training.photos
    cache.resident = DevicePhotos(cache.pixels, cache.sizes, cache.offsets, training.world.device)


def check_resume(settings: Settings) -> Iterator[Row]:
    """Checks that a training resumed from its checkpoint has the same state and takes the same steps."""
    with temporary_folder() as folder:
        config = micro_config(folder, precision="bf16")
        training = begin(config, folder / "run", settings.device)
        take_steps(training, 3)
        training._save(must=True)
        before = [value.clone() for value in _state(training)]
        training._record("preempted", None, {})  # lets go of the folder
        resumed = begin(config, folder / "run", settings.device, MUST)
        same = all(torch.equal(old, new) for old, new in zip(before, _state(resumed), strict=True))
        yield {"check": "weights, average and moments equal after resuming", "passed": same}
        losses, others = take_steps(resumed, 3)[1], take_steps(training, 3)[1]
        yield _compared("losses after resuming", losses, others, TOLERANCE)


def _compared(check: str, losses: list[float], others: list[float], tolerance: float) -> Row:
    difference = largest_difference(losses, others)
    passed = difference <= tolerance  # false where it is not finite
    shown = difference if math.isfinite(difference) else None
    row = {"check": check, "passed": passed, "largest_relative_difference": shown, "tolerance": tolerance}
    return row | {"steps": len(losses), "first_loss": _number(losses[0]), "last_loss": _number(losses[-1])}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
