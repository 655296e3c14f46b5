"""Rollout for one class: attention counts where more of it would raise the class score.

Chefer, Gur & Wolf (2021, arXiv:2103.15679) weigh attention by its gradient, mean over heads of (dy/dA * A)^+, add it to
the identity and multiply. Their networks read out one class token. This one reads the mean of N tokens, which changes
two things:

- The mean is treated like the attention of a class token that gives 1/N to each: token i starts with the positive part
  of what it adds to the score, (dy/dn_i . n_i)^+, n its normalised features. That is exact for a linear head.
- Gradients of a mean are N times smaller than those of one token, so that the identity would drown the attention. Each
  row is therefore brought to the sum 1 before it meets the residual. Then all shares sum to 1, as in `rollout`, and the
  two maps are on one scale.

Convolutions are walked as in `rollout`: by the size of their contributions, whatever the class.
"""

import torch
from torch import Tensor

from hvit.explain.color_scale import LIFT
from hvit.explain.explanation import Explanation, refuse_unready
from hvit.explain.methods.rollout import Residual, refuse_residual, walk
from hvit.models.hvit import HViT


def explain(
    model: HViT,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: Residual = 0.5,
) -> Explanation:
    """Shares of stride-4 tokens in what speaks for a class, (H/4, W/4); see `Method` for what the methods share.

    They sum to 1. Where no token of the last stage speaks for the class they are all 0, and the explanation says so:
    its `nothing_for` holds the class.

    Args:
        residual: as for `rollout`.
    Raises:
        ValueError: `residual` is out of range.
    """
    refuse_unready(model, images)
    refuse_residual(residual)
    with torch.enable_grad():
        # The parameters are frozen: what is differentiated has to start at the image.
        details = model.forward_details(images.detach().clone().requires_grad_(), spectral, present)
        class_index = int(details.logits.argmax()) if class_index is None else class_index
        attentions = [attention for stage in details.stages for attention in stage.attentions]
        final_gradient, *gradients = torch.autograd.grad(
            details.logits[0, class_index], [details.final_tokens, *attentions]
        )
    with torch.no_grad():
        speaks = (final_gradient * details.final_tokens).sum(-1).clamp_min(0).float()  # (1, H, W)
        nothing_for = () if (speaks > 0).any() else (class_index,)
        share = (speaks / speaks.sum().clamp_min(1e-30))[..., None]
        rows = iter(map(_positive_rows, attentions, gradients))
        matrices = [[next(rows) for _ in stage.attentions] for stage in details.stages]
        share = walk(share, details.stages, matrices, residual)[0, ..., 0]
    arguments = {"residual": residual}
    return Explanation(
        share.cpu().numpy(), "gradient_rollout", class_index, arguments, LIFT, is_sum=True, nothing_for=nothing_for
    )


def _positive_rows(attention: Tensor, gradient: Tensor) -> Tensor:
    """(windows, num_heads, T, T) twice -> (windows, T, T): rows sum to 1; the identity where nothing is positive."""
    positive = (attention * gradient).clamp_min(0).mean(1).float()
    total = positive.sum(-1, keepdim=True)
    identity = torch.eye(positive.shape[-1], device=positive.device)
    return torch.where(total > 0, positive / total.clamp_min(1e-38), identity)
