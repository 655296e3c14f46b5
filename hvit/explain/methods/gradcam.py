"""Grad-CAM: the features of a stage, weighted by how much each channel raises the class score on average.

Selvaraju et al. (2017, arXiv:1610.02391), with the sign kept: their positive part would hide what speaks against.
"""

import torch
from torch import Tensor

from hvit.explain.color_scale import SCORE_OF_FEATURES
from hvit.explain.explanation import Explanation, refuse_unready
from hvit.models.hvit import HViT

NUM_STAGES = 4


def explain(
    model: HViT,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    stage: int = 3,
) -> Explanation:
    """Points of the class score from each token of a stage; see `Method` for what the methods share.

    The features are those that the next layer reads, after its norm: a norm takes out the size of a token, so before it
    the gradient stands at right angles to the features and their product says nothing. At the last stage the sum is
    exactly the logit without the bias of the head; below, only to first order. Stages 1 and 2 of a `_conv` size have no
    norm after them: what is explained there are the features as they are.

    Args:
        stage: 0 to 3.
    Returns:
        Attribution on the grid of the stage: (H/4, W/4) to (H/32, W/32).
    Raises:
        ValueError: there is no such stage.
    """
    refuse_unready(model, images)
    if not 0 <= stage < NUM_STAGES:
        raise ValueError(f"stage is {stage}; there are {NUM_STAGES}, numbered from 0")
    with torch.enable_grad():
        # The parameters are frozen: what is differentiated has to start at the image.
        details = model.forward_details(images.detach().clone().requires_grad_(), spectral, present)
        class_index = int(details.logits.argmax()) if class_index is None else class_index
        tokens = details.tokens_read[stage]
        (gradient,) = torch.autograd.grad(details.logits[0, class_index], [tokens])
    weights = gradient.mean(dim=(1, 2), keepdim=True)  # a channel
    attribution = (weights * tokens.detach()).sum(-1)[0].float().cpu().numpy()
    return Explanation(attribution, "gradcam", class_index, {"stage": stage}, SCORE_OF_FEATURES, is_sum=True)
