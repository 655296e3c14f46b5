"""Integrated gradients: what the details of a photo add to the class score, divided among its pixels.

Sundararajan, Taly & Yan (2017, arXiv:1703.01365), by Captum. The straight way to the photo starts at the photo blurred,
not at zeros as is usual. From zeros, a picture in the mean color, all points of the way have the same directions in
color, and the stem of an HViT, convolutions without bias and a norm, sees only directions: the score jumps in the first
hundredth of the way, where no step of the integral falls.
"""

from collections.abc import Callable

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.explain.color_scale import SCORE_OF_PIXELS
from hvit.explain.explanation import Explanation, chosen_class, class_score, refuse_unready

BATCH = 8  # steps computed together


def explain(
    model: nn.Module,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    steps: int = 32,
    cell_px: int = 4,
    blur: float = 0.125,
    show: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Points of the class score from each square of the image; see `Method` for what the methods share.

    The sum is the logit of the image less that of the image blurred, up to the error of the integral.

    Args:
        steps: of the integral (Gauss-Legendre), at least 1.
        cell_px: side of the squares that pixels are summed over; divides both sides of the image. 4 is the grid of the
            first stage, 1 keeps every pixel.
        blur: standard deviation of the blur as a share of the side of a square as large as the image, above 0.
        show: told how many of all passes are done.
    Returns:
        Attribution (H/cell_px, W/cell_px).
    Raises:
        ValueError: `steps`, `cell_px` or `blur` is out of range.
    """
    from captum.attr import IntegratedGradients  # seconds to import

    refuse_unready(model, images)
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if cell_px < 1 or any(side % cell_px for side in images.shape[-2:]):
        raise ValueError(f"cell_px is {cell_px}, which does not divide an image of {tuple(images.shape[-2:])} px")
    if blur <= 0:
        raise ValueError(f"blur is {blur}, expected above 0")
    class_index = chosen_class(model, images, class_index, spectral, present)
    # Captum takes a function and gives it to torch.autograd.grad: nothing of the model is touched.
    score = class_score(model, class_index, spectral, present, show, steps)
    by_value = IntegratedGradients(score).attribute(
        images.detach().clone(),
        baselines=blurred(images, blur),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=BATCH,
    )
    cells = F.avg_pool2d(by_value.sum(1), cell_px, divisor_override=1)[0]
    arguments = {"steps": steps, "cell_px": cell_px, "blur": blur}
    return Explanation(
        cells.detach().float().cpu().numpy(), "integrated_gradients", class_index, arguments, SCORE_OF_PIXELS, True
    )


def blurred(images: Tensor, blur: float) -> Tensor:
    """The image (1, 3, H, W) without details smaller than `blur` times the side of a square as large."""
    pixels = images[0].detach().permute(1, 2, 0).cpu().numpy()
    sigma_px = blur * (pixels.shape[0] * pixels.shape[1]) ** 0.5
    pixels = cv2.GaussianBlur(pixels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(images.device)
