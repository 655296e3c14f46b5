"""Attention rollout of selected tokens and of single heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hvit.explain.color_scale import RELATIVE_SHARE
from hvit.explain.explanation import Explanation
from hvit.explain.methods.rollout import head_rollout, query_rollout

if TYPE_CHECKING:
    from torch import Tensor

    from hvit.models.hvit import HViT

RESIDUAL = 0.5


def square_rollout(
    model: HViT, inputs: tuple[Tensor, ...], stage: int, square: tuple[int, int], columns: int
) -> Explanation:
    """Mean rollout of the tokens of a stage that lie in one cell of the grid of the last stage.

    Args:
        model: an HViT.
        inputs: of its `forward_details`, for one photo.
        stage: 0 to 3.
        square: row and column of the cell.
        columns: of the grid of the last stage.
    """
    side = 2 ** (3 - stage)  # tokens of the stage along a side of the square
    rows, cols = (range(side * number, side * (number + 1)) for number in square)
    queries = [row * columns * side + col for row in rows for col in cols]
    with torch.inference_mode():
        share = query_rollout(model.forward_details(*inputs), stage, queries).mean(1)[0]
    arguments = {"residual": RESIDUAL, "stage": stage, "square": list(square)}
    return Explanation(share.cpu().numpy(), "rollout", None, arguments, RELATIVE_SHARE, is_additive=True)


def head_rollouts(model: HViT, inputs: tuple[Tensor, ...], stage: int, block: int) -> list[Explanation]:
    """Rollout of each head of a block, averaged over the tokens of its stage.

    Args:
        model, inputs, stage: see `square_rollout`.
        block: of the stage, from 0.
    """
    with torch.inference_mode():
        details = model.forward_details(*inputs)
        heads = range(details.stages[stage].attentions[block].shape[1])
        shares = [head_rollout(details, stage, block, head)[0].cpu().numpy() for head in heads]
    fixed = {"residual": RESIDUAL, "stage": stage, "block": block}
    return [
        Explanation(share, "rollout", None, fixed | {"head": head}, RELATIVE_SHARE, is_additive=True)
        for head, share in enumerate(shares)
    ]
