"""An exponential moving average of the weights."""

import copy

import torch
from torch import nn


class Ema:
    """Averages the weights of a model, with a warm-up so that early averages do not lag behind.

    The decay of update t is min(decay, (1 + t) / (10 + t)), as in timm's ModelEmaV3.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        averages, values = list(self.model.state_dict().values()), list(model.state_dict().values())
        torch._foreach_lerp_(averages, values, 1 - decay)
