"""Integrated gradients (Sundararajan, Taly & Yan 2017, arXiv:1703.01365), by Captum, from a blurred baseline.

The usual baseline of zeros, the mean color, does not suit an HViT: its stem, convolutions without bias followed by a
norm, is invariant to the contrast of the image, so that on the path from zeros the logit changes only in the first
hundredth, where no step of the integral falls.
"""

from collections.abc import Callable

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.explain.color_scale import PIXEL_CONTRIBUTION
from hvit.explain.explanation import Explanation, check_inputs, class_score, target_class
from hvit.models import Classifier

BATCH = 8  # integration steps per forward pass


def explain(
    model: Classifier,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    steps: int = 32,
    cell_px: int = 4,
    blur: float = 0.125,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Contribution of each cell of the image to the logit of a class; see `Method` for the common arguments.

    The attribution sums to the logit of the image minus that of the blurred image, up to the integration error.

    Args:
        steps: of Gauss-Legendre integration, at least 1.
        cell_px: side of the cells over which pixels are summed; divides both sides of the image. 4 is the grid of the
            first stage, 1 keeps every pixel.
        blur: standard deviation of the blur as a fraction of the square root of the image area, above 0.
        progress: called with the number of passes done and their total.
    Returns:
        Attribution (H/cell_px, W/cell_px).
    Raises:
        ValueError: `steps`, `cell_px` or `blur` is out of range.

    >>> from hvit.models import create_model
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> explain(model, torch.ones(1, 3, 64, 64), class_index=1, steps=2, cell_px=8).attribution.shape
    (8, 8)
    """
    from captum.attr import IntegratedGradients  # seconds to import

    check_inputs(model, images)
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if cell_px < 1 or any(side % cell_px for side in images.shape[-2:]):
        raise ValueError(f"cell_px is {cell_px}, which does not divide an image of {tuple(images.shape[-2:])} px")
    if blur <= 0:
        raise ValueError(f"blur is {blur}, expected above 0")
    class_index = target_class(model, images, class_index, spectral, present)
    # With a function instead of the module, Captum uses torch.autograd.grad and registers no hooks.
    score = class_score(model, class_index, spectral, present, progress, steps)
    attributions = IntegratedGradients(score).attribute(
        images.detach().clone(),
        baselines=blurred(images, blur),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=BATCH,
    )
    cells = F.avg_pool2d(attributions.sum(1), cell_px, divisor_override=1)[0]
    arguments = {"steps": steps, "cell_px": cell_px, "blur": blur}
    return Explanation(
        cells.detach().float().cpu().numpy(), "integrated_gradients", class_index, arguments, PIXEL_CONTRIBUTION, True
    )


def blurred(images: Tensor, blur: float) -> Tensor:
    """Gaussian blur of an image (1, 3, H, W); standard deviation `blur` times the square root of its area."""
    pixels = images[0].detach().permute(1, 2, 0).cpu().numpy()
    sigma_px = blur * (pixels.shape[0] * pixels.shape[1]) ** 0.5
    smooth = cv2.GaussianBlur(pixels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(smooth).permute(2, 0, 1)[None].to(images.device)
