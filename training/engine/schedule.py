"""Learning-rate schedule: length of training and the learning rate of each step."""

import math
from dataclasses import dataclass

from training.config import AdamWConfig, Config, FinetuneConfig
from training.engine.optim import lr_at


@dataclass(frozen=True)
class Schedule:
    """Lengths of a training in optimizer steps; `steps_per_epoch` need not be an integer.

    Attributes:
        images_per_step: over all processes and accumulated passes.
        freeze_steps: at the start, in which the head alone learns.
        eval_every: between two validations.
    """

    optim: AdamWConfig
    images_per_step: int
    steps_per_epoch: float
    total_steps: int
    warmup_steps: int
    freeze_steps: int
    eval_every: int

    @classmethod
    def of(cls, config: Config, num_photos: int, num_processes: int) -> "Schedule":
        """Computes the schedule for a number of training photos."""
        freeze_epochs = config.freeze_epochs if isinstance(config, FinetuneConfig) else 0.0
        images_per_step = config.batch_size * config.accum_steps * num_processes
        steps_per_epoch = num_photos / images_per_step
        total_steps = max(1, math.ceil(config.epochs * steps_per_epoch))
        return cls(
            optim=config.optim,
            images_per_step=images_per_step,
            steps_per_epoch=steps_per_epoch,
            total_steps=total_steps,
            warmup_steps=round(config.optim.warmup_epochs * steps_per_epoch),
            freeze_steps=min(total_steps, math.ceil(freeze_epochs * steps_per_epoch)),
            eval_every=max(1, round(config.eval_every * steps_per_epoch)),
        )

    def lr(self, step: float) -> float:
        """Learning rate of the head at a position of the schedule, in steps from 0; fractional with a clock."""
        optim = self.optim
        return lr_at(step, self.total_steps, self.warmup_steps, optim.lr, optim.min_lr, self.freeze_steps)
