"""Gradient-weighted attention rollout for one class (Chefer, Gur & Wolf 2021, arXiv:2103.15679).

The method weights attention by its gradient, mean over heads of (dy/dA * A)^+, adds the identity and multiplies over
the layers. Two changes for a model that pools the mean of N tokens instead of a class token:

- The mean is treated like the attention of a class token with weights 1/N: token i starts with the positive part of its
  contribution to the logit, (dy/dn_i . n_i)^+, where n are its normalized features. That is exact for a linear head.
- Gradients through a mean are N times smaller than those of one token, so the identity would dominate. Rows are
  therefore normalized to sum to 1 before the residual is added. All shares then sum to 1, as in `rollout`, and both
  maps have the same color scale.

Convolutions are as in `rollout`: weighted by the norm of their contributions, independent of the class.
"""

import torch
from torch import Tensor

from hvit.explain.color_scale import RELATIVE_SHARE
from hvit.explain.explanation import Explanation, check_inputs
from hvit.explain.methods.rollout import Residual, check_residual, propagate
from hvit.models.hvit import HViT


def explain(
    model: HViT,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    residual: Residual = 0.5,
) -> Explanation:
    """Relevance of each stride-4 token for a class, (H/4, W/4), summing to 1; see `Method` for the common arguments.

    Where no token of the last stage has a positive contribution the relevance is 0 everywhere, and `no_evidence_for`
    holds the class.

    Args:
        residual: as for `rollout`.
    Raises:
        ValueError: `residual` is out of range.

    >>> from hvit.models import create_model
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> explain(model, torch.ones(1, 3, 64, 96), class_index=1).attribution.shape
    (16, 24)
    """
    check_inputs(model, images)
    check_residual(residual)
    with torch.enable_grad():
        # Parameters are frozen, so the graph starts at the image.
        details = model.forward_details(images.detach().clone().requires_grad_(), spectral, present)
        class_index = int(details.logits.argmax()) if class_index is None else class_index
        attentions = [attention for stage in details.stages for attention in stage.attentions]
        final_gradient, *gradients = torch.autograd.grad(
            details.logits[0, class_index], [details.final_tokens, *attentions]
        )
    with torch.no_grad():
        evidence = (final_gradient * details.final_tokens).sum(-1).clamp_min(0).float()  # (1, H, W)
        no_evidence_for = () if (evidence > 0).any() else (class_index,)
        share = (evidence / evidence.sum().clamp_min(1e-30))[..., None]
        rows = iter(map(_positive_rows, attentions, gradients))
        matrices = [[next(rows) for _ in stage.attentions] for stage in details.stages]
        share = propagate(share, details.stages, matrices, residual)[0, ..., 0]
    arguments = {"residual": residual}
    return Explanation(
        share.cpu().numpy(),
        "gradient_rollout",
        class_index,
        arguments,
        RELATIVE_SHARE,
        is_additive=True,
        no_evidence_for=no_evidence_for,
    )


def _positive_rows(attention: Tensor, gradient: Tensor) -> Tensor:
    """Gradient-weighted attention, mean over heads: (windows, num_heads, T, T) each -> (windows, T, T), rows sum to 1.

    A row without positive entries is that of the identity.
    """
    positive = (attention * gradient).clamp_min(0).mean(1).float()
    total = positive.sum(-1, keepdim=True)
    identity = torch.eye(positive.shape[-1], device=positive.device)
    return torch.where(total > 0, positive / total.clamp_min(1e-38), identity)
