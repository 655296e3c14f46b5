"""Times training steps, for programs that measure speed."""

import time

import torch

from training.engine.trainer import Training


def take_steps(training: Training, steps: int) -> tuple[float, list[float]]:
    """Seconds of a step, the mean over these steps, and their losses; all processes must call it."""
    training.world.barrier()
    began = time.perf_counter()
    outcomes = [training.train_step() for _ in range(steps)]
    wait(training)
    seconds = (time.perf_counter() - began) / steps
    outcomes.append(training._read_pending())  # what an accelerator had not told yet
    return seconds, [step.loss for step in outcomes if step is not None]


def wait(training: Training) -> None:
    """Until the accelerator, where there is one, has done all it was given."""
    if training.world.device.type == "cuda":
        torch.cuda.synchronize()
