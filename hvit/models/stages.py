"""Stages of the backbone: windowed or global attention, or inverted residual blocks; and their receptive fields."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hvit.models.config import ModelConfig
from hvit.models.conv_front import (
    ConvDownsample,
    InvertedResidual,
    ReceptiveField,
    full_precision_on_cpu,
    group_blocks,
    record_blocks,
)
from hvit.models.fusion import FusionRecord
from hvit.models.layers import Block, PatchMerging, PositionConv, grid_of, windows_of
from hvit.models.sparse import VisibleUnits

FIRST_ATTENTION_STAGE = 2  # of the `_conv` sizes
CENTER = 4  # index of the middle tap of a 3x3 kernel


@dataclass(frozen=True)
class StageRecord:
    """Intermediate results of one stage for a batch.

    Attributes:
        attentions: attention weights of each block, (B*windows, num_heads, T, T), windows in row-major order within an
            image. Empty for a convolutional stage.
        window_tokens: side of a window in tokens; 0 for global attention.
        mixing_ratios: of each block, (B*windows, T): how much attention adds to a token, see
            `Block.forward_with_weights`.
        tokens: output of the stage, (B, H, W, C), before any norm.
        convolutions: receptive fields of the convolutions in order, before the attention blocks. Of a stage with
            attention: patch merging (except in the first stage) and the position convolution.
        merge_input: input of patch merging after its norm, if it has one, (B, 2H, 2W, C'); None for the first stage.
        fusion: results of the spectral stream; None where it was not used.
    """

    attentions: list[Tensor]
    window_tokens: int
    mixing_ratios: list[Tensor]
    tokens: Tensor
    convolutions: list[ReceptiveField]
    merge_input: Tensor | None = None
    fusion: FusionRecord | None = None


class ConvStage(nn.Module):
    """Convolutional stage of a `_conv` size: inverted residual blocks."""

    def __init__(self, config: ModelConfig, index: int, drop_path_rates: list[float]):
        super().__init__()
        assert config.front_config is not None
        group, in_chans = config.front_config.groups[index + 1], config.embed_dims[index - 1]
        entering, *blocks = group_blocks(in_chans, group, [0.0, *drop_path_rates])
        self.merge = entering if index else nn.Identity()  # that of the first stage is in the patch embedding
        self.blocks = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor, embedding: None = None, checkpointed: bool = False, fuse: None = None) -> Tensor:
        """(B, H, W, C) -> (B, H', W', C')."""
        with full_precision_on_cpu(tokens):
            feature_map: Tensor = self.merge(tokens.permute(0, 3, 1, 2))
            for block in self.blocks:
                if checkpointed:
                    feature_map = checkpoint(block, feature_map, use_reentrant=False)
                else:
                    feature_map = block(feature_map)
        return feature_map.permute(0, 2, 3, 1)

    def forward_with_record(self, tokens: Tensor) -> StageRecord:
        """Output of `forward`, with the receptive field of each block."""
        enters = isinstance(self.merge, InvertedResidual)
        blocks = [self.merge, *self.blocks] if enters else [*self.blocks]
        with full_precision_on_cpu(tokens):
            feature_map, fields = record_blocks(blocks, tokens.permute(0, 3, 1, 2))
        return StageRecord([], 0, [], feature_map.permute(0, 2, 3, 1), fields, tokens if enters else None)


class Stage(nn.Module):
    """Stage with attention: patch merging, conditional position encoding, transformer blocks."""

    def __init__(self, config: ModelConfig, index: int, drop_path_rates: list[float]):
        super().__init__()
        dim = config.embed_dims[index]
        self.window_tokens = config.window_tokens[index]
        self.merge: nn.Module
        if config.front_config is not None and index == FIRST_ATTENTION_STAGE:
            self.merge = ConvDownsample(config.front_config, dim)
        else:
            self.merge = PatchMerging(config.embed_dims[index - 1], dim) if index else nn.Identity()
        self.position = PositionConv(dim)
        self.blocks = nn.ModuleList(Block(dim, config.head_dim, config.mlp_ratio, rate) for rate in drop_path_rates)

    def enter(self, tokens: Tensor, embedding: Tensor | None) -> Tensor:
        """Patch merging and position encoding: (B, H, W, C) -> (B, H', W', C')."""
        tokens = self.position(self.merge(tokens))
        return tokens if embedding is None else tokens + embedding

    def forward(
        self,
        tokens: Tensor,
        embedding: Tensor | None = None,
        checkpointed: bool = False,
        fuse: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """(B, H, W, C) -> (B, H', W', C').

        The grid is partitioned into windows once, as all blocks have the same windows.

        Args:
            embedding: position embedding, (1 or B, H', W', C'), or None.
            checkpointed: recompute the blocks in the backward pass.
            fuse: cross-attention to a spectral image, applied to the tokens after position encoding and to the
                embedding.
        """
        tokens = self.enter(tokens, embedding)
        if fuse is not None:
            assert embedding is not None
            tokens = fuse(tokens, embedding)
        B, H, W, C = tokens.shape
        windows = windows_of(tokens, self.window_tokens)
        for block in self.blocks:
            if checkpointed:
                windows = checkpoint(block, windows, B, use_reentrant=False)
            else:
                windows = block(windows, B)
        return grid_of(windows, self.window_tokens, (B, H, W, C))

    def forward_visible(
        self, units: Tensor, embedding: Tensor | None, visible: VisibleUnits, side: int, checkpointed: bool = False
    ) -> Tensor:
        """`forward` for the visible units alone: (B*V, T, C) of the previous stage -> (B*V, side*side, C').

        Args:
            units: of the previous stage, T = 2*side * 2*side; of the stem, T = side*side, for the first stage.
            side: tokens along the side of a unit in this stage.
        """
        if isinstance(self.merge, PatchMerging):
            # Normalized before the zeros are inserted: LayerNorm would turn zeros into its bias.
            grid = visible.scatter(self.merge.norm(units), 2 * side)
            units = visible.gather(self.merge.conv(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), side)
        units = visible.gather(self.position(visible.scatter(units, side)), side)
        if embedding is not None:
            units = units + visible.gather(embedding.expand(len(visible.indices), -1, -1, -1), side)
        shape, num_images = units.shape, len(visible.indices)
        # With windows, a unit is one; with global attention, all visible units of an image are one.
        windows = units if self.window_tokens else units.reshape(num_images, -1, shape[-1])
        for block in self.blocks:
            if checkpointed:
                windows = checkpoint(block, windows, num_images, use_reentrant=False)
            else:
                windows = block(windows, num_images)
        return windows.reshape(shape)

    def forward_with_record(
        self,
        tokens: Tensor,
        embedding: Tensor | None = None,
        fuse: Callable[[Tensor, Tensor], tuple[Tensor, FusionRecord]] | None = None,
    ) -> StageRecord:
        """Output of `forward`, with attention weights, mixing ratios and receptive fields."""
        convolutions: list[ReceptiveField] = []
        merge_input, fusion = None, None
        if isinstance(self.merge, PatchMerging):
            merge_input = self.merge.norm(tokens)
            convolutions = [ReceptiveField(receptive_field_weights(self.merge, merge_input), stride=2, pad_before=1)]
            tokens = self.merge.conv(merge_input.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        elif isinstance(self.merge, ConvDownsample):
            merge_input = tokens
            tokens, convolutions = self.merge.forward_with_record(tokens)
        convolutions.append(ReceptiveField(neighbor_weights(self.position, tokens), stride=1, pad_before=1))
        tokens = self.position(tokens)
        if embedding is not None:
            tokens = tokens + embedding
        if fuse is not None:
            assert embedding is not None
            tokens, fusion = fuse(tokens, embedding)
        B, H, W, C = tokens.shape
        windows, attentions, ratios = windows_of(tokens, self.window_tokens), [], []
        for block in self.blocks:
            assert isinstance(block, Block)
            windows, weights, ratio = block.forward_with_weights(windows, B)
            attentions.append(weights)
            ratios.append(ratio)
        outputs = grid_of(windows, self.window_tokens, (B, H, W, C))
        return StageRecord(attentions, self.window_tokens, ratios, outputs, convolutions, merge_input, fusion)


@torch.no_grad()
def receptive_field_weights(merge: PatchMerging, normed: Tensor) -> Tensor:
    """Contribution of each of the 3x3 input tokens to each output token of patch merging, as shares.

    The weight of tap k is the Euclidean norm of its contribution, |W_k x_j|, divided by the sum over the taps.

    Args:
        normed: input of the convolution of `merge`, after its norm, (B, H, W, C).
    Returns:
        (B, H/2, W/2, 9), non-negative, summing to 1 over the last axis; taps beyond the border are 0.
    """
    B, H, W, C = normed.shape
    patches = F.unfold(normed.permute(0, 3, 1, 2), 3, padding=1, stride=2)  # (B, C*9, H/2*W/2)
    patches = patches.reshape(B, C, 9, -1).permute(2, 0, 3, 1).reshape(9, -1, C)
    taps = merge.conv.weight.flatten(2).permute(2, 1, 0)  # (9, C, C')
    strength = torch.bmm(patches, taps.to(patches.dtype)).norm(dim=-1).T.reshape(B, H // 2, W // 2, 9)
    total = strength.sum(-1, keepdim=True)
    inside = F.unfold(normed.new_ones(1, 1, H, W), 3, padding=1, stride=2)[0].T.reshape(1, H // 2, W // 2, 9)
    return torch.where(total > 0, strength / total.clamp_min(1e-30), inside / inside.sum(-1, keepdim=True))


@torch.no_grad()
def neighbor_weights(position: PositionConv, tokens: Tensor) -> Tensor:
    """Contribution of each of the 3x3 input tokens to each output token of the position convolution, as shares.

    As in `receptive_field_weights` the weight of a tap is the norm of its contribution: |w_k * x_j|, channel by
    channel, and |(1 + w_k) * x_j| for the token itself, because of the residual connection.

    Args:
        tokens: input of `position`, (B, H, W, C).
    Returns:
        (B, H, W, 9), non-negative, summing to 1 over the last axis; taps beyond the border are 0.
    """
    kernel = position.conv.weight.flatten(1).T.clone()  # (9, C)
    kernel[CENTER] += 1
    # The norm of a channel-wise product as a matrix product, which is cheaper than unfolding the tokens.
    strength = (tokens.square() @ kernel.square().T.to(tokens.dtype)).sqrt()
    H, W = tokens.shape[1:3]
    padded = F.pad(strength, (0, 0, 1, 1, 1, 1))
    taps = [padded[:, k // 3 : k // 3 + H, k % 3 : k % 3 + W, k] for k in range(9)]
    strength = torch.stack(taps, -1)
    total = strength.sum(-1, keepdim=True)
    identity = F.one_hot(torch.tensor(CENTER, device=tokens.device), 9).to(strength.dtype)
    return torch.where(total > 0, strength / total.clamp_min(1e-30), identity)
