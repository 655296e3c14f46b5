"""Gradient guard: all processes skip a step whose loss or gradients are not finite, and share stop requests."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.parallel.signals import GaveUp, Signals
from training.parallel.world import World

LOSS, NORM, SKIPPED, STOP, SAVE, RANKS = range(6)  # indices of the reduced vector; from RANKS on, one a process


@dataclass(frozen=True)
class StepOutcome:
    """Outcome of an optimizer step, the same on every process.

    Attributes:
        step: its number, from 0.
        loss: mean over all samples.
        grad_norm: of the gradients, before they were clipped.
        skipped: whether loss or gradients were not finite, so that it changed no weight.
        ranks: processes whose own loss was not finite.
        stop, save: whether any process received such a request.
    """

    step: int
    loss: float
    grad_norm: float
    skipped: bool
    ranks: tuple[int, ...]
    stop: bool
    save: bool


class GradientGuard:
    """Skips and counts steps whose loss or gradients are not finite on any process.

    The decision is made where the numbers are, and read later: an accelerator is never waited for.

    Args:
        world: process group.
        module: the trained module; batch-norm statistics are restored after a skipped step.
        limit: skipped steps in a row after which training gives up.
    Attributes:
        skipped: steps so far.
    """

    def __init__(self, world: World, module: nn.Module, limit: int):
        self._world, self._limit = world, limit
        norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
        self._statistics = [value for norm in norms for value in norm.buffers() if value.is_floating_point()]
        self._before: list[Tensor] = []
        self._due: tuple[int, Tensor, torch.cuda.Event | None] | None = None
        self.skipped = self.in_a_row = 0

    def begin(self) -> None:
        """Resets the guard before the forward pass of a step."""
        self._before = [value.clone() for value in self._statistics]

    def check(self, step: int, loss: Tensor, grad_norm: Tensor, signals: Signals) -> Tensor:
        """All-reduces whether a step is finite, and stop requests, over the processes.

        Args:
            loss: mean over this process's samples, a scalar.
            grad_norm: of gradients that are the same on all processes, a scalar.
            signals: requests to this process.
        Returns:
            1.0 where the step must be skipped, else 0.0: `found_inf` of torch's optimizers.
        """
        shared = torch.zeros(RANKS + self._world.size, device=self._world.device)
        shared[LOSS] = loss
        shared[RANKS + self._world.rank] = ~loss.isfinite()
        if signals.stop:
            shared[STOP] = 1
        if signals.save:
            shared[SAVE], signals.save = 1, False
        shared = self._world.sum(shared)
        shared[LOSS] /= self._world.size
        shared[NORM] = grad_norm
        shared[SKIPPED] = skip = ~(shared[LOSS].isfinite() & grad_norm.isfinite())
        for value, before in zip(self._statistics, self._before):
            value.copy_(torch.where(skip, before, value))
        found_inf = shared[SKIPPED].clone()
        event = None
        if shared.is_cuda:
            shared, event = shared.to("cpu", non_blocking=True), torch.cuda.Event()
            event.record()
        self._due = step, shared, event
        return found_inf

    def read(self) -> StepOutcome | None:
        """Reads the outcome of the last step from the device; None where it was read before."""
        if self._due is None:
            return None
        (step, values, event), self._due = self._due, None
        if event is not None:
            event.synchronize()
        loss, norm, skipped, stop, save, *ranks = values.tolist()
        outcome = StepOutcome(
            step, loss, norm, bool(skipped), tuple(r for r, bad in enumerate(ranks) if bad), stop > 0, save > 0
        )
        self.skipped += outcome.skipped
        self.in_a_row = self.in_a_row + 1 if outcome.skipped else 0
        return outcome

    def stop_if_diverged(self) -> None:
        """Raises after too many skipped steps in a row; call it once a skipped step is recorded.

        Raises:
            GaveUp: too many steps in a row were skipped.
        """
        if self.in_a_row >= self._limit:
            raise GaveUp(
                f"loss or gradients were not finite in {self.in_a_row} steps in a row; lower optim.lr, and look at the "
                "photos that skipped.jsonl lists"
            )
