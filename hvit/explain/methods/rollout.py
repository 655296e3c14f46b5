"""Attention rollout right across the hierarchy: how much each stride-4 token feeds what is read at the top.

Abnar & Zuidema (2020, arXiv:2005.00928) multiply the attention matrices of all layers. Here the tokens change from
stage to stage, so other matrices stand between those:

- a block: (1 - a) I + a A, where A is the mean over the heads, block-diagonal because tokens attend within windows, and
  the residual weight 1 - a is a constant or, for each token, what the norms say (Kobayashi et al. 2021,
  arXiv:2109.07152);
- the position convolution with its residual: the norm of what each of 3x3 tokens contributes;
- merging, an overlapping 3x3 convolution of stride 2: the same, so that neighbors share the tokens under them;
- an inverted residual block of the `_conv` sizes: its depthwise convolution by the norm of what each tap adds to the
  channels that the activation lets through, and its skip path by the norms of what it keeps and what the branch adds;
- the read-out: the mean over the tokens of the last stage.

All are row-stochastic, so what is read out is a set of shares that sums to 1. It is walked down from the top, a vector
for each read-out: no matrix of all tokens by all tokens is ever built.

What remains approximate, as in every rollout: an MLP and a norm work on each token alone and count as the identity, and
values are taken to be equally strong and to point the same way, so that only weights count. The map belongs to no
class. It follows the photo: where a spectral stream looked is in `Details.fusion`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.explain.color_scale import LIFT
from hvit.explain.explanation import Explanation, refuse_unready
from hvit.models.backbone import StageRecord
from hvit.models.hvit import Details, HViT
from hvit.models.layers import grid_of, windows_of

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
    """Shares of the mean token of a stage; see `rollout`, and `Method` for what the methods have in common.

    Args:
        class_index: None: rollout does not depend on the class.
    """
    refuse_unready(model, images)
    with torch.no_grad():
        share = rollout(model.forward_details(images, spectral, present), residual, stage)[0]
    return Explanation(share.cpu().numpy(), "rollout", None, {"residual": residual, "stage": stage}, LIFT, True)


def rollout(details: Details, residual: Residual = 0.5, stage: int = 3) -> Tensor:
    """Share of each stride-4 token in the mean token of a stage; of the last one that is the embedding.

    Args:
        details: from `HViT.forward_details`.
        residual: weight of the skip path of a block, in [0, 1], the attention has the rest; or "norms", which weighs
            each token's by what attention adds to it.
        stage: 0 to 3.
    Returns:
        (B, H/4, W/4) float32, not negative; each image sums to 1.
    Raises:
        ValueError: `residual` or `stage` is none of these.
    """
    stages = _below(details, residual, stage)
    return walk(_even(stages[-1])[..., None], stages, _mean_heads(stages), residual)[..., 0]


def query_rollout(
    details: Details, stage: int = 3, queries: Sequence[int] | None = None, residual: Residual = 0.5
) -> Tensor:
    """Share of each stride-4 token in single tokens of a stage: what each of them looks at.

    Args:
        details, residual: as for `rollout`.
        stage: 0 to 3.
        queries: numbers of the tokens, row by row; None is all, many in the first stages.
    Returns:
        (B, queries, H/4, W/4) float32; each map sums to 1.
    Raises:
        ValueError: as for `rollout`, or there is no such token.
    """
    stages = _below(details, residual, stage)
    B, H, W, _ = stages[-1].tokens.shape
    chosen = list(range(H * W)) if queries is None else list(queries)
    if not chosen or not all(0 <= query < H * W for query in chosen):
        raise ValueError(f"tokens {chosen} asked for; stage {stage} has {H * W}, numbered from 0")
    one_hot = F.one_hot(torch.tensor(chosen), H * W).T.float().reshape(1, H, W, -1).to(stages[-1].tokens.device)
    share = walk(one_hot.expand(B, -1, -1, -1), stages, _mean_heads(stages), residual)
    return share.permute(0, 3, 1, 2)


def head_rollout(details: Details, stage: int, block: int, head: int, residual: Residual = 0.5) -> Tensor:
    """Share of each stride-4 token in what one head reads, on average over the tokens of its stage.

    The block of the head counts with this head alone and without its skip path; below it, all is as in `rollout`.

    Args:
        details, residual: as for `rollout`.
        stage: 0 to 3.
        block, head: numbers within the stage, from 0.
    Returns:
        (B, H/4, W/4) float32; each image sums to 1.
    Raises:
        ValueError: as for `rollout`, or there is no such block or head; a stage of convolutions has none.
    """
    stages = _below(details, residual, stage)
    top = stages[-1]
    if not top.attentions:
        raise ValueError(f"stage {stage} is of convolutions and has no heads; ask for those of a stage with attention")
    num_heads = top.attentions[0].shape[1]
    if not 0 <= block < len(top.attentions) or not 0 <= head < num_heads:
        raise ValueError(
            f"block {block}, head {head} asked for; stage {stage} has {len(top.attentions)} blocks of {num_heads} heads"
        )
    share = _even(top)[..., None]
    rows = windows_of(share, top.window_tokens).transpose(1, 2) @ top.attentions[block][:, head].float()
    share = grid_of(rows.transpose(1, 2), top.window_tokens, share.shape)
    stages[-1] = replace(top, attentions=top.attentions[:block], mixing_ratios=top.mixing_ratios[:block])
    return walk(share, stages, _mean_heads(stages), residual)[..., 0]


def walk(share: Tensor, stages: list[StageRecord], matrices: list[list[Tensor]], residual: Residual) -> Tensor:
    """Walks shares of the outputs of the last of `stages` down to the stride-4 tokens that enter the first.

    Args:
        share: (B, H, W, Q) for Q read-outs.
        matrices: of each block of each stage, (B*windows, T, T), rows that sum to 1.
        residual: as for `rollout`.
    Returns:
        (B, H/4, W/4, Q); every read-out keeps its sum.
    """
    for stage, of_blocks in zip(reversed(stages), reversed(matrices)):
        share = _through_blocks(share, stage, of_blocks, residual)
        for convolution in reversed(stage.convolutions):
            share = convolution.to_inputs(share)
    return share


def _through_blocks(share: Tensor, stage: StageRecord, matrices: list[Tensor], residual: Residual) -> Tensor:
    """Walks (B, H, W, Q) from the outputs of a stage's blocks down to their inputs."""
    rows = windows_of(share, stage.window_tokens).transpose(1, 2)  # (B*windows, Q, T)
    for matrix, attended in zip(reversed(matrices), reversed(stage.mixing_ratios)):
        weight = attended.float()[:, None] if residual == "norms" else 1 - residual
        rows = rows * (1 - weight) + (rows * weight) @ matrix
    return grid_of(rows.transpose(1, 2), stage.window_tokens, share.shape)


def _mean_heads(stages: list[StageRecord]) -> list[list[Tensor]]:
    return [[attention.mean(1).float() for attention in stage.attentions] for stage in stages]


def _even(stage: StageRecord) -> Tensor:
    """(B, H, W): the same share for each token, as in their mean."""
    B, H, W, _ = stage.tokens.shape
    return stage.tokens.new_full((B, H, W), 1 / (H * W), dtype=torch.float32)


def _below(details: Details, residual: Residual, stage: int) -> list[StageRecord]:
    """The stages up to and with this one."""
    refuse_residual(residual)
    if not 0 <= stage < NUM_STAGES:
        raise ValueError(f"stage is {stage}; there are {NUM_STAGES}, numbered from 0")
    return details.stages[: stage + 1]


def refuse_residual(residual: Residual) -> None:
    """Checks the weight of the skip path.

    Raises:
        ValueError: it is neither in [0, 1] nor "norms".
    """
    if residual != "norms" and not (isinstance(residual, int | float) and 0 <= residual <= 1):
        raise ValueError(f"residual is {residual!r}, expected a weight between 0 and 1, or 'norms'")


def lift(share: Tensor) -> Tensor:
    """Shares (..., H, W) against an even share: 1 is average, 2 is twice the average."""
    return share * (share.shape[-2] * share.shape[-1])


@torch.no_grad()
def rollout_heatmap(
    model: HViT,
    images: Tensor,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: Residual = 0.5,
) -> tuple[Tensor, list[Tensor], np.ndarray]:
    """One pass for a photo: what the model says, what rejection compares, and where it looked.

    Args:
        model: in evaluation mode.
        images: one normalised image, (1, 3, H, W).
        spectral, present: as for `HViT.forward`.
        residual: as for `rollout`.
    Returns:
        Logits (1, K), the mean token of each stage (four of (1, C)), and the heatmap (H/4, W/4) float32 in [0, 1].
    """
    refuse_unready(model, images)
    details = model.forward_details(images, spectral, present)
    values = lift(rollout(details, residual))[0].cpu().numpy()
    return details.logits, details.stage_features, LIFT.heat(values)
