"""Attention rollout right across the hierarchy: how much each stride-4 token feeds the pooled embedding.

Abnar & Zuidema (2020, arXiv:2005.00928) multiply the attention matrices of all layers. Here the tokens change from
stage to stage, so the matrices of merging stand between them, and windows make the matrices block-diagonal. All are
row-stochastic, so what is read out at the top is a set of shares that sums to 1, and it is walked down a vector at a
time: no matrix of all tokens by all tokens is ever built.

Three approximations, as usual for rollout: an MLP counts as the identity, so does a position convolution, and values
are taken to be equally strong, so that only weights count. The map belongs to no class. It follows the photo: where a
spectral stream looked is in `Details.fusion`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.models.backbone import StageRecord
from hvit.models.hvit import Details, HViT
from hvit.models.layers import grid_of, windows_of

LIFT_LOG2_LIMIT = 1.0  # the scale for the eye ends at half and at twice an even share


def rollout(details: Details, residual: float = 0.5) -> Tensor:
    """Share of each stride-4 token in the embedding, through all blocks of all stages.

    Args:
        details: from `HViT.forward_details`.
        residual: weight of the skip path of a block, in [0, 1]; the attention has the rest.
    Returns:
        (B, H/4, W/4) float32, not negative; each image sums to 1.
    Raises:
        ValueError: `residual` is outside [0, 1].
    """
    if not 0 <= residual <= 1:
        raise ValueError(f"residual is {residual}, expected a weight between 0 and 1")
    B, H, W, _ = details.stages[-1].tokens.shape
    share = details.logits.new_full((B, H, W), 1 / (H * W), dtype=torch.float32)  # the embedding is the mean token
    for stage in reversed(details.stages):
        share = _through_blocks(share, stage, residual)
        if stage.merge_weights is not None:
            share = _through_merging(share, stage.merge_weights.float())
    return share


def _through_blocks(share: Tensor, stage: StageRecord, residual: float) -> Tensor:
    """Walks (B, H, W) from the outputs of a stage's blocks down to their inputs."""
    shape = (*share.shape, 1)
    rows = windows_of(share[..., None], stage.window_tokens).transpose(1, 2)  # (B*windows, 1, T)
    for attention in reversed(stage.attentions):
        attended = (rows[:, None] @ attention.float()).mean(1)  # over the heads
        rows = residual * rows + (1 - residual) * attended
    return grid_of(rows.transpose(1, 2), stage.window_tokens, shape)[..., 0]


def _through_merging(share: Tensor, merge_weights: Tensor) -> Tensor:
    """Spreads (B, H, W) over the 3x3 tokens under each output of the merging convolution: (B, 2H, 2W)."""
    B, H, W = share.shape
    taps = (share[..., None] * merge_weights).reshape(B, H * W, 9).transpose(1, 2)
    return F.fold(taps, (2 * H, 2 * W), kernel_size=3, padding=1, stride=2)[:, 0]


def lift(share: Tensor) -> Tensor:
    """Shares (..., H, W) against an even share: 1 is average, 2 is twice the average."""
    return share * (share.shape[-2] * share.shape[-1])


def heatmap(share: Tensor) -> Tensor:
    """Shares (..., H, W) for the eye, in [0, 1]: 0 is half an even share or less, 0.5 an even one, 1 twice or more.

    The scale is logarithmic and the same for every photo, so that a flat map looks flat.
    """
    steps = lift(share).clamp_min(1e-12).log2() / LIFT_LOG2_LIMIT
    return (steps.clamp(-1, 1) + 1) / 2


@torch.no_grad()
def rollout_heatmap(
    model: HViT,
    images: Tensor,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: float = 0.5,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """One pass for a photo: what the model says, what rejection compares, and where it looked.

    Args:
        model: in evaluation mode.
        images: one normalised image, (1, 3, H, W).
        spectral, present: as for `HViT.forward`.
        residual: as for `rollout`.
    Returns:
        Logits (1, K), the mean token of each stage (four of (1, C)), and the heatmap (H/4, W/4) float32 in [0, 1].
    """
    assert not model.training, "dropped paths would change the map"
    assert images.shape[0] == 1, "one photo at a time"
    details = model.forward_details(images, spectral, present)
    return details.logits, details.stage_features, heatmap(rollout(details, residual))[0]
