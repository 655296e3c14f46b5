"""Steps of a training, timed: for programs that look at speed and keep nothing."""

import time
from pathlib import Path

import torch

from training.config import FinetuneConfig, PretrainConfig
from training.engine.trainer import Training
from training.finetune import Finetuning
from training.parallel.world import World
from training.pretrain import Pretraining

WARM_UP = 3


def begun(config: FinetuneConfig | PretrainConfig, run_dir: Path, world: World) -> Training:
    """A training that has done its first steps, which are slower than others; all processes must call it."""
    program = Finetuning if isinstance(config, FinetuneConfig) else Pretraining
    training = program(config, run_dir, None, world)
    training._begin()
    training.signals.finishes_step = True
    take_steps(training, WARM_UP)
    return training


def take_steps(training: Training, steps: int) -> tuple[float, list[float]]:
    """Seconds of a step, the mean over these steps, and their losses; all processes must call it."""
    training.world.barrier()
    began = time.perf_counter()
    told = [training.train_step() for _ in range(steps)]
    wait(training)
    seconds = (time.perf_counter() - began) / steps
    told.append(training._read_pending())  # what an accelerator had not told yet
    return seconds, [step.loss for step in told if step is not None]


def wait(training: Training) -> None:
    """Until the accelerator, where there is one, has done all it was given."""
    if training.world.device.type == "cuda":
        torch.cuda.synchronize()
