"""Losses on logits."""

from torch import Tensor


def soft_cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy against target probabilities.

    Args:
        logits: (B, K).
        targets: (B, K), rows sum to 1.
        label_smoothing: share of each target spread evenly over all classes.
    """
    targets = targets * (1 - label_smoothing) + label_smoothing / targets.shape[1]
    return -(targets * logits.float().log_softmax(dim=-1)).sum(-1).mean()
