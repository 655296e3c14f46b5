"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), without the final ReLU.

The features of a stage are weighted by the mean gradient of each channel. The sign is kept, so that the map also shows
evidence against the class.
"""

import torch
from torch import Tensor

from hvit.explain.color_scale import FEATURE_CONTRIBUTION
from hvit.explain.explanation import Explanation, check_inputs
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
    """Contribution of each token of a stage to the logit of a class; see `Method` for the common arguments.

    The features are those after the norm of the next layer. LayerNorm removes the length of a token, so before it the
    gradient is orthogonal to the features and their product vanishes. At the last stage the attribution sums exactly to
    the logit without the bias of the head; at earlier stages only to first order. Stages 1 and 2 of a `_conv` size have
    no norm after them; their features are used directly.

    Args:
        stage: 0 to 3.
    Returns:
        Attribution on the grid of the stage: (H/4, W/4) to (H/32, W/32).
    Raises:
        ValueError: there is no such stage.

    >>> from hvit.models import create_model
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> explain(model, torch.ones(1, 3, 64, 96), class_index=1, stage=2).attribution.shape
    (4, 6)
    """
    check_inputs(model, images)
    if not 0 <= stage < NUM_STAGES:
        raise ValueError(f"stage is {stage}; there are {NUM_STAGES}, numbered from 0")
    with torch.enable_grad():
        # Parameters are frozen, so the graph starts at the image.
        details = model.forward_details(images.detach().clone().requires_grad_(), spectral, present)
        class_index = int(details.logits.argmax()) if class_index is None else class_index
        tokens = details.tokens_read[stage]
        (gradient,) = torch.autograd.grad(details.logits[0, class_index], [tokens])
    weights = gradient.mean(dim=(1, 2), keepdim=True)  # (1, 1, 1, C)
    attribution = (weights * tokens.detach()).sum(-1)[0].float().cpu().numpy()
    return Explanation(attribution, "gradcam", class_index, {"stage": stage}, FEATURE_CONTRIBUTION, is_additive=True)
