"""Classification losses on soft targets (B, K), as mixup needs."""

import torch
from torch import Tensor, nn

from training.config import ConfigError, LossConfig


class ClassificationLoss(nn.Module):
    """Classification loss of a configuration: logits and target probabilities (B, K) each to a scalar.

    cross_entropy: -log p of the target.
    focal: the same, times (1 - p) ** gamma, so that easy samples weigh little (Lin et al. 2017,
        arXiv:1708.02002, equation 4); against mixed targets each class has its own factor.
    balanced_softmax: cross-entropy of logits to which the log of each class's share in training is added, so that they
        fit even classes where nothing is added (Ren et al. 2020, arXiv:2007.10740, equation 4).

    The sum is divided by the number of images, not by the sum of weights, so that the gradient does not depend on
    the number of processes.

    Args:
        config: which loss, and how.
        label_smoothing: share of each target spread evenly over all classes.
        shares: sampling share of each class in training, (K,), sums to 1.
        classes: their names, for error messages.
    Raises:
        ConfigError: the loss evens out classes, and one of them has no training photo.
    """

    def __init__(self, config: LossConfig, label_smoothing: float, shares: Tensor, classes: list[str]):
        super().__init__()
        self.label_smoothing = label_smoothing
        self.gamma = config.gamma if config.name == "focal" else 0.0
        evens = config.name == "balanced_softmax" or config.class_weights > 0
        if evens and (shares == 0).any():
            missing = classes[int((shares == 0).nonzero()[0])]
            raise ConfigError(f"loss: {missing} has no training photo, so classes cannot be evened out; leave it out")
        shift = shares.log() if config.name == "balanced_softmax" else torch.zeros_like(shares)
        weights = torch.ones_like(shares)
        if config.class_weights > 0:
            weights = shares**-config.class_weights
            weights = weights / (weights * shares).sum()  # 1 on average over the sampled images
        self.register_buffer("shift", shift.float())
        self.register_buffer("weights", weights.float())

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / targets.shape[1]
        log_probs = (logits.float() + self.shift).log_softmax(dim=-1)
        if self.gamma:
            # 1 - p by expm1: near p = 1 the difference would lose its digits, and its power its gradient.
            targets = targets * (-torch.expm1(log_probs)).clamp_min(1e-12) ** self.gamma
        return -(targets * self.weights * log_probs).sum(-1).mean()
