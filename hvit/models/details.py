"""Intermediate results of a forward pass of an HViT."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from hvit.models.fusion import FusionRecord
from hvit.models.stages import StageRecord


@dataclass(frozen=True)
class Details:
    """Intermediate results of one forward pass.

    Attributes:
        logits: (B, K).
        embedding: pooled features before the head, (B, C); those of each position where `global_pool` is "".
        stages: of the four stages in order: attention weights, receptive fields and tokens.
        final_tokens: normalized tokens of the last stage, whose mean is the embedding, (B, H, W, C).
    """

    logits: Tensor
    embedding: Tensor
    stages: list[StageRecord]
    final_tokens: Tensor

    @property
    def stage_features(self) -> list[Tensor]:
        """Mean token of each stage, four of (B, C)."""
        return [stage.tokens.mean(dim=(1, 2)) for stage in self.stages]

    @property
    def tokens_read(self) -> list[Tensor]:
        """Tokens of each stage as input of the next layer: four of (B, H, W, C).

        They are normalized, except before the convolutions of a `_conv` size, which have no norm.
        """
        inputs = [stage.merge_input for stage in self.stages[1:]]
        return [*(tokens for tokens in inputs if tokens is not None), self.final_tokens]

    @property
    def feature_maps(self) -> list[Tensor]:
        """Feature pyramid of the same pass: four normalized maps (B, C, H, W), as of `HViT.feature_maps`."""
        maps = [F.layer_norm(stage.tokens, stage.tokens.shape[-1:]) for stage in self.stages[:-1]]
        return [tokens.permute(0, 3, 1, 2) for tokens in (*maps, self.final_tokens)]

    @property
    def fusion(self) -> FusionRecord | None:
        """Intermediate results of the spectral stream; None where it was not used."""
        return next((stage.fusion for stage in self.stages if stage.fusion is not None), None)
