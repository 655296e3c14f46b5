"""An exponential moving average of the weights."""

import copy

import torch
from torch import nn


class Ema:
    """Averages the weights of a model and the statistics beside them.

    A warm-up keeps early averages from lagging behind: the decay of update t is min(decay, (1 + t) / (10 + t)), as in
    timm's ModelEmaV3.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        pairs = list(zip(self.model.state_dict().values(), model.state_dict().values()))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([average for average, _ in averaged], [value for _, value in averaged], 1 - decay)
        for average, value in pairs:
            if not average.is_floating_point():
                average.copy_(value)  # the counters of batch norm, in baselines
