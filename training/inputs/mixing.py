"""Mixup and CutMix of augmented views."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import record_function

from hvit.data.transfer import to_device
from training.config import AugmentConfig
from training.inputs.augment import BLOCK, MIX
from training.inputs.profiler_regions import AUGMENTATION
from training.inputs.random_streams import uniform


@record_function(AUGMENTATION)
def mix(views: Tensor, labels: Tensor, samples: np.ndarray, num_classes: int, config: AugmentConfig, seed: int):
    """Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) within blocks of 8 consecutive samples.

    Args:
        views: (B, 3, h, w), B a multiple of 8 and the first sample a multiple of 8.
        labels: (B,).
        samples: global sample numbers, (B,).
        num_classes: K.
    Returns:
        Mixed views, and target probabilities (B, K).
    """
    targets = F.one_hot(labels, num_classes).float()
    blocks = uniform(seed, samples[::BLOCK] // BLOCK, 3, MIX)
    mixes = np.repeat(blocks[:, 0] < config.mix_probability, BLOCK)
    if not mixes.any():
        return views, targets
    from scipy.special import betaincinv

    B, _, h, w = views.shape
    own = uniform(seed, samples, 3, MIX + 100)
    shift = 1 + np.floor(blocks[:, 2] * (BLOCK - 1)).astype(int)
    partner = (np.arange(B).reshape(-1, BLOCK)[:, :1] + (np.arange(BLOCK)[None] + shift[:, None]) % BLOCK).reshape(-1)
    cuts = np.repeat(blocks[:, 1] < config.cutmix_share, BLOCK)

    blend = betaincinv(config.mixup_alpha, config.mixup_alpha, own[:, 0])
    blend = np.where(mixes & ~cuts, np.maximum(blend, 1 - blend), 1.0)  # the photo's own share
    cut_h, cut_w = (np.sqrt(own[:, 0]) * side * (mixes & cuts) for side in (h, w))
    top, left = own[:, 1] * (h - cut_h), own[:, 2] * (w - cut_w)
    top, bottom, left, right = (np.rint(edge) for edge in (top, top + cut_h, left, left + cut_w))
    share = np.where(cuts, 1 - (bottom - top) * (right - left) / (h * w), blend)

    def on_device(numbers: np.ndarray) -> Tensor:
        return to_device(numbers, views.device)

    edges = on_device(np.stack([top, bottom, left, right, blend])).to(views.dtype)[:, :, None, None, None]
    top, bottom, left, right, blend = edges
    y, x = torch.arange(h, device=views.device)[:, None], torch.arange(w, device=views.device)
    own_part = blend.masked_fill((y >= top) & (y < bottom) & (x >= left) & (x < right), 0)  # (B, 1, h, w)
    share, partner = on_device(share)[:, None].to(targets), on_device(partner)
    return torch.lerp(views[partner], views, own_part), torch.lerp(targets[partner], targets, share)
