"""Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928) through a hierarchical transformer.

Rollout multiplies the attention matrices of all layers. In a hierarchy the tokens change between stages, so the product
also has matrices for the other layers:

- a block: (1 - a) I + a A, where A is the mean over the heads, block-diagonal for windowed attention, and the residual
  weight 1 - a is a constant, or given by the mixing ratio of each token (Kobayashi et al. 2021, arXiv:2109.07152);
- the position convolution with its residual: the norm of the contribution of each of 3x3 tokens;
- patch merging, an overlapping 3x3 convolution of stride 2: the same;
- an inverted residual block of the `_conv` sizes: its depthwise convolution by the norm of the contribution of each tap
  to the channels that pass the activation, and its skip connection by the norms of skip and branch;
- pooling: the mean over the tokens of the last stage.

All are row-stochastic, so the result is shares that sum to 1. It is computed by vector-matrix products from the top
down, one vector per output: the matrix of all tokens by all tokens is never built.

As in every rollout, MLPs and norms count as the identity, and values are assumed to be equal in norm and direction, so
that only the attention weights count. The map does not depend on the class. It is for the photo; the attention to a
spectral image is in `Details.fusion`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.explain.color_scale import RELATIVE_SHARE
from hvit.explain.explanation import Explanation, check_inputs
from hvit.models.details import Details
from hvit.models.hvit import HViT
from hvit.models.layers import grid_of, windows_of
from hvit.models.stages import StageRecord

Residual = float | Literal["norms"]
NUM_STAGES = 4


def explain(
    model: HViT,
    images: Tensor,
    class_index: None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: Residual = 0.5,
    stage: int = 3,
) -> Explanation:
    """Attention rollout of the mean token of a stage; see `rollout`, and `Method` for the common arguments.

    Args:
        class_index: None, as rollout does not depend on the class.

    >>> from hvit.models import create_model
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> attribution = explain(model, torch.ones(1, 3, 64, 96)).attribution
    >>> attribution.shape, round(float(attribution.sum()), 5)
    ((16, 24), 1.0)
    """
    check_inputs(model, images)
    with torch.no_grad():
        share = rollout(model.forward_details(images, spectral, present), residual, stage)[0]
    arguments = {"residual": residual, "stage": stage}
    return Explanation(share.cpu().numpy(), "rollout", None, arguments, RELATIVE_SHARE, True)


def rollout(details: Details, residual: Residual = 0.5, stage: int = 3) -> Tensor:
    """Share of each stride-4 token in the mean token of a stage; for the last stage that is the embedding.

    Args:
        details: from `HViT.forward_details`.
        residual: weight of the identity in each block, in [0, 1]; or "norms" for the mixing ratio of each token.
        stage: 0 to 3.
    Returns:
        (B, H/4, W/4) float32, non-negative; each image sums to 1.
    Raises:
        ValueError: `residual` or `stage` is out of range.
    """
    stages = _stages_up_to(details, residual, stage)
    return propagate(_uniform(stages[-1])[..., None], stages, _mean_heads(stages), residual)[..., 0]


def query_rollout(
    details: Details, stage: int = 3, queries: Sequence[int] | None = None, residual: Residual = 0.5
) -> Tensor:
    """Attention rollout of single query tokens: share of each stride-4 token in tokens of a stage.

    Args:
        details, residual: as for `rollout`.
        stage: 0 to 3.
        queries: indices of the tokens in row-major order; None for all, which are many in the first stages.
    Returns:
        (B, queries, H/4, W/4) float32; each map sums to 1.
    Raises:
        ValueError: as for `rollout`, or there is no such token.
    """
    stages = _stages_up_to(details, residual, stage)
    B, H, W, _ = stages[-1].tokens.shape
    chosen = list(range(H * W)) if queries is None else list(queries)
    if not chosen or not all(0 <= query < H * W for query in chosen):
        raise ValueError(f"tokens {chosen} asked for; stage {stage} has {H * W}, numbered from 0")
    one_hot = F.one_hot(torch.tensor(chosen), H * W).T.float().reshape(1, H, W, -1).to(stages[-1].tokens.device)
    share = propagate(one_hot.expand(B, -1, -1, -1), stages, _mean_heads(stages), residual)
    return share.permute(0, 3, 1, 2)


def head_rollout(details: Details, stage: int, block: int, head: int, residual: Residual = 0.5) -> Tensor:
    """Attention rollout of one head: share of each stride-4 token in its attention, mean over the query tokens.

    The block of the head has this head alone, without the residual; below it, as in `rollout`.

    Args:
        details, residual: as for `rollout`.
        stage: 0 to 3.
        block, head: indices within the stage, from 0.
    Returns:
        (B, H/4, W/4) float32; each image sums to 1.
    Raises:
        ValueError: as for `rollout`, or there is no such block or head; convolutional stages have none.
    """
    stages = _stages_up_to(details, residual, stage)
    top = stages[-1]
    if not top.attentions:
        raise ValueError(f"stage {stage} is convolutional and has no attention heads; choose a stage with attention")
    num_heads = top.attentions[0].shape[1]
    if not 0 <= block < len(top.attentions) or not 0 <= head < num_heads:
        raise ValueError(
            f"block {block}, head {head} asked for; stage {stage} has {len(top.attentions)} blocks of {num_heads} heads"
        )
    share = _uniform(top)[..., None]
    rows = windows_of(share, top.window_tokens).transpose(1, 2) @ top.attentions[block][:, head].float()
    B, H, W, Q = share.shape
    share = grid_of(rows.transpose(1, 2), top.window_tokens, (B, H, W, Q))
    stages[-1] = replace(top, attentions=top.attentions[:block], mixing_ratios=top.mixing_ratios[:block])
    return propagate(share, stages, _mean_heads(stages), residual)[..., 0]


def propagate(share: Tensor, stages: list[StageRecord], matrices: list[list[Tensor]], residual: Residual) -> Tensor:
    """Propagates shares from the output tokens of the last of `stages` down to the stride-4 input tokens.

    Args:
        share: (B, H, W, Q) for Q outputs.
        matrices: of each block of each stage, (B*windows, T, T), rows sum to 1.
        residual: as for `rollout`.
    Returns:
        (B, H/4, W/4, Q), with the same sum for every output.
    """
    for stage, block_matrices in zip(reversed(stages), reversed(matrices)):
        share = _through_blocks(share, stage, block_matrices, residual)
        for convolution in reversed(stage.convolutions):
            share = convolution.to_inputs(share)
    return share


def _through_blocks(share: Tensor, stage: StageRecord, matrices: list[Tensor], residual: Residual) -> Tensor:
    """Propagates shares (B, H, W, Q) from the outputs of a stage's blocks to their inputs."""
    rows = windows_of(share, stage.window_tokens).transpose(1, 2)  # (B*windows, Q, T)
    for matrix, ratio in zip(reversed(matrices), reversed(stage.mixing_ratios)):
        weight = ratio.float()[:, None] if residual == "norms" else 1 - residual
        rows = rows * (1 - weight) + (rows * weight) @ matrix
    B, H, W, Q = share.shape
    return grid_of(rows.transpose(1, 2), stage.window_tokens, (B, H, W, Q))


def _mean_heads(stages: list[StageRecord]) -> list[list[Tensor]]:
    return [[attention.mean(1).float() for attention in stage.attentions] for stage in stages]


def _uniform(stage: StageRecord) -> Tensor:
    """Uniform shares of the tokens of a stage, (B, H, W), as in their mean."""
    B, H, W, _ = stage.tokens.shape
    return stage.tokens.new_full((B, H, W), 1 / (H * W), dtype=torch.float32)


def _stages_up_to(details: Details, residual: Residual, stage: int) -> list[StageRecord]:
    """Stages 0 to `stage`."""
    check_residual(residual)
    if not 0 <= stage < NUM_STAGES:
        raise ValueError(f"stage is {stage}; there are {NUM_STAGES}, numbered from 0")
    return details.stages[: stage + 1]


def check_residual(residual: Residual) -> None:
    """Checks the weight of the identity in each block.

    Raises:
        ValueError: it is neither in [0, 1] nor "norms".
    """
    if residual != "norms" and not (isinstance(residual, int | float) and 0 <= residual <= 1):
        raise ValueError(f"residual is {residual!r}, expected a weight between 0 and 1, or 'norms'")


def relative_share(share: Tensor) -> Tensor:
    """Relative share: shares (..., H, W) divided by the uniform share 1/(H*W); 1 is the average.

    >>> relative_share(torch.tensor([[0.5, 0.25], [0.25, 0.0]])).tolist()
    [[2.0, 1.0], [1.0, 0.0]]
    """
    return share * (share.shape[-2] * share.shape[-1])


@torch.no_grad()
def rollout_heatmap(
    model: HViT,
    images: Tensor,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: Residual = 0.5,
) -> tuple[Tensor, list[Tensor], np.ndarray]:
    """Logits, stage features and rollout heatmap of a photo in one forward pass.

    Args:
        model: in evaluation mode.
        images: one normalized image, (1, 3, H, W).
        spectral, present: as for `HViT.forward`.
        residual: as for `rollout`.
    Returns:
        Logits (1, K), the mean token of each stage (four of (1, C)), and the heatmap (H/4, W/4) float32 in [0, 1].
    """
    check_inputs(model, images)
    details = model.forward_details(images, spectral, present)
    return details.logits, details.stage_features, heatmap_of(details, residual)


def heatmap_of(details: Details, residual: Residual = 0.5) -> np.ndarray:
    """Rollout heatmap of the first image of a recorded forward pass: (H/4, W/4) float32 in [0, 1]."""
    return RELATIVE_SHARE.normalize(relative_share(rollout(details, residual))[0].cpu().numpy())
