"""An exponential moving average of the weights."""

import copy

import torch
from torch import nn


class Ema:
    """Exponential moving average of the parameters and buffers of a model.

    A warm-up keeps early averages from lagging behind: the decay of update t, counted from 0, is
    min(decay, (1 + t) / (10 + t)), as TensorFlow's ExponentialMovingAverage has it with `num_updates`. timm's
    ModelEmaV3 warms up by min(decay, 1 - (1 + t) ** (-2/3)): the decay reaches 0.999 after 31,600 updates there, after
    8,990 here.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0
        self._pairs: tuple[nn.Module, list[torch.Tensor], list[torch.Tensor]] | None = None

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Updates the average after an optimizer step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        if self._pairs is None or self._pairs[0] is not model:
            # Collected once: it takes milliseconds of the host, and all that writes weights does so in place.
            self._pairs = (model, list(self.model.state_dict().values()), list(model.state_dict().values()))
        _, averages, values = self._pairs
        floats = [i for i, average in enumerate(averages) if average.is_floating_point()]
        torch._foreach_lerp_([averages[i] for i in floats], [values[i] for i in floats], 1 - decay)
        for average, value in zip(averages, values):
            if not average.is_floating_point():
                average.copy_(value)  # the counters of batch norm, in baselines
