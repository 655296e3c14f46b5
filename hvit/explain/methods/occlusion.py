"""Occlusion: what the class score loses when a square of the photo is hidden.

Zeiler & Fergus (2014, arXiv:1311.2901), by Captum.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hvit.explain.color_scale import SCORE_LOST
from hvit.explain.explanation import Explanation, chosen_class, class_score, refuse_unready

BATCH = 8  # hidden squares computed together


def explain(
    model: nn.Module,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    square_px: int = 32,
    stride_px: int = 16,
    show: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Points of the class score lost by hiding each place; see `Method` for what the methods share.

    Squares are painted in the mean color of the preprocessing. A place has the mean over the squares that cover it.

    Args:
        square_px: side of the squares, a multiple of `stride_px`; at most the shorter side of the image.
        stride_px: between squares; divides both sides of the image.
        show: told how many of all passes are done.
    Returns:
        Attribution (H/stride_px, W/stride_px): each value stands for itself, they have no sum.
    Raises:
        ValueError: squares and stride do not fit each other or the image.
    """
    from captum.attr import Occlusion  # seconds to import

    refuse_unready(model, images)
    height, width = images.shape[-2:]
    if stride_px < 1 or height % stride_px or width % stride_px:
        raise ValueError(f"stride_px is {stride_px}, which does not divide an image of {height} x {width} px")
    if square_px % stride_px or not stride_px <= square_px <= min(height, width):
        raise ValueError(f"square_px is {square_px}, expected a multiple of {stride_px} up to {min(height, width)}")
    class_index = chosen_class(model, images, class_index, spectral, present)
    squares = ((height - square_px) // stride_px + 1) * ((width - square_px) // stride_px + 1)
    # Captum takes a function and calls it without gradients: nothing of the model is touched.
    score = class_score(model, class_index, spectral, present, show, 1 + squares)
    with torch.no_grad():
        lost = Occlusion(score).attribute(
            images.detach(),
            sliding_window_shapes=(images.shape[1], square_px, square_px),
            strides=(images.shape[1], stride_px, stride_px),
            baselines=0.0,
            perturbations_per_eval=BATCH,
        )
    # Squares begin at multiples of the stride and end there, so within a cell all pixels and channels are equal.
    cells = lost[0, 0, ::stride_px, ::stride_px].float().cpu().numpy()
    arguments = {"square_px": square_px, "stride_px": stride_px, "baseline": "mean color"}
    return Explanation(cells, "occlusion", class_index, arguments, SCORE_LOST, is_sum=False)
