"""Parameter groups, and the learning rate as a pure function of the step."""

import math

import torch
from torch import nn


def parameter_groups(model: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> list[dict]:
    """Parameter groups by layer, with weight decay except for norms, biases and position embeddings.

    Args:
        layer_decay: a layer learns at this fraction of the rate of the layer above it; the head at the full rate
            (Clark et al. 2020, arXiv:2003.10555; Bao et al. 2021, arXiv:2106.08254).
    Returns:
        Parameter groups for torch's optimizers, with `lr_scale`, the factor of the learning rate.
    """
    exempt, groups = model.no_weight_decay(), {}
    layers = model.layer_groups() if layer_decay < 1 else None
    for name, parameter in model.named_parameters():
        scale = 1.0 if layers is None else layer_decay ** (max(layers.values()) - layers[name])
        decay = 0.0 if parameter.ndim <= 1 or name in exempt else weight_decay
        groups.setdefault((scale, decay), []).append(parameter)
    # Decayed before others, low layers before high ones.
    ordered = sorted(groups.items(), key=lambda item: (-item[0][1], item[0][0]))
    return [{"params": params, "weight_decay": decay, "lr_scale": scale} for (scale, decay), params in ordered]


def adamw(
    model: nn.Module, lr: float, weight_decay: float, beta2: float, layer_decay: float = 1.0
) -> torch.optim.AdamW:
    """Fused AdamW with parameter groups."""
    groups = parameter_groups(model, weight_decay, layer_decay)
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, beta2), fused=True)


def lr_at(step: float, total_steps: int, warmup_steps: int, lr: float, min_lr: float, thaw_step: int = 0) -> float:
    """Learning rate of optimizer step `step` (from 0): linear warm-up to `lr`, then cosine to `min_lr` at the last.

    Where a frozen backbone starts to learn, at `thaw_step`, the rate warms up once more.
    """
    since = step - thaw_step if step >= thaw_step else step
    warm = min(lr, lr * (since + 1) / max(1, warmup_steps))  # between two steps, see training by the clock
    if step < warmup_steps:
        return warm
    progress = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    cosine = min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return min(warm, cosine) if since < warmup_steps else cosine
