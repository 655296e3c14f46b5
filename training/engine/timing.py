"""Times training steps, for benchmarks."""

import time

import torch

from training.engine.trainer import Training


def take_steps(training: Training, steps: int) -> tuple[float, list[float]]:
    """Mean seconds of the next steps, and their losses; all processes must call it."""
    training.world.barrier()
    began = time.perf_counter()
    outcomes = [training.train_step() for _ in range(steps)]
    wait(training)
    seconds = (time.perf_counter() - began) / steps
    outcomes.append(training._read_pending())  # the outcome that was still on the accelerator
    return seconds, [step.loss for step in outcomes if step is not None]


def wait(training: Training) -> None:
    """Synchronizes the accelerator, where there is one."""
    if training.world.device.type == "cuda":
        torch.cuda.synchronize()
