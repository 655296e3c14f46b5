"""Losses of the segmentation head, for masks that may not distinguish leaf from background."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTHING = 0.002  # of the Dice loss, as a share of the pixels: the least lesion area that counts fully


def segmentation_loss(logits: Tensor, shares: Tensor, leaf_known: Tensor, dice_weight: float) -> Tensor:
    """Cross-entropy with soft Dice loss (Milletari et al. 2016, arXiv:1606.04797), mean over the photos.

    Where a mask does not distinguish leaf from background, their probabilities are summed: the cross-entropy is that of
    the union of the two classes, and no Dice loss of the leaf is computed.

    Args:
        logits: of background, leaf and symptom, (B, 3, H, W).
        shares: of each class in each pixel, (B, 3, H, W), sum 1.
        leaf_known: whether the mask distinguishes leaf from background, (B,) bool.
        dice_weight: weight of the Dice loss.
    Returns:
        A scalar. It is a mean over photos, so that accumulated and distributed batches add up exactly.
    """
    known = leaf_known[:, None, None].to(logits.dtype)
    log_p = F.log_softmax(logits, 1)
    per_class = -(shares * log_p)
    either = -(shares[:, 0] + shares[:, 1]) * torch.logsumexp(log_p[:, :2], 1)
    cross_entropy = known * per_class[:, :2].sum(1) + (1 - known) * either + per_class[:, 2]
    loss = cross_entropy.mean()
    if dice_weight > 0:
        p = log_p.exp()
        symptom = _dice(p[:, 2], shares[:, 2])
        leaf = _dice(p[:, 1] + p[:, 2], shares[:, 1] + shares[:, 2])
        loss = loss + dice_weight * (symptom + leaf * known[:, 0, 0]).mean() / 2
    return loss


def _dice(p: Tensor, target: Tensor) -> Tensor:
    """1 - Dice coefficient of each photo, (B,), of probabilities and shares (B, H, W)."""
    smooth = SMOOTHING * p[0].numel()
    overlap = 2 * (p * target).sum((1, 2)) + smooth
    return 1 - overlap / (p.square().sum((1, 2)) + target.square().sum((1, 2)) + smooth)
