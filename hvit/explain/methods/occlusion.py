"""Occlusion (Zeiler & Fergus 2014, arXiv:1311.2901), by Captum."""

from collections.abc import Callable

import torch
from torch import Tensor

from hvit.explain.color_scale import SCORE_DROP
from hvit.explain.explanation import Explanation, check_inputs, class_score, target_class
from hvit.models import Classifier

BATCH = 8  # occluded images per forward pass


def explain(
    model: Classifier,
    images: Tensor,
    class_index: int | None = None,
    spectral: Tensor | None = None,
    present: Tensor | None = None,
    square_px: int = 32,
    stride_px: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Drop of the class logit when a square of the image is occluded; see `Method` for the common arguments.

    The square slides over the image and is filled with the mean color of the preprocessing. A cell has the mean drop of
    the squares that cover it.

    Args:
        square_px: side of the sliding square, a multiple of `stride_px`; at most the shorter side of the image.
        stride_px: stride of the square; divides both sides of the image.
        progress: called with the number of passes done and their total.
    Returns:
        Attribution (H/stride_px, W/stride_px), not additive.
    Raises:
        ValueError: `square_px` and `stride_px` do not fit each other or the image.

    >>> from hvit.models import create_model
    >>> model = create_model("hvit_tiny", num_classes=3, depths=(1, 1, 1, 1)).eval()
    >>> explain(model, torch.ones(1, 3, 64, 64), class_index=1, stride_px=32).attribution.shape
    (2, 2)
    """
    from captum.attr import Occlusion  # seconds to import

    check_inputs(model, images)
    height, width = images.shape[-2:]
    if stride_px < 1 or height % stride_px or width % stride_px:
        raise ValueError(f"stride_px is {stride_px}, which does not divide an image of {height} x {width} px")
    if square_px % stride_px or not stride_px <= square_px <= min(height, width):
        raise ValueError(f"square_px is {square_px}, expected a multiple of {stride_px} up to {min(height, width)}")
    class_index = target_class(model, images, class_index, spectral, present)
    squares = ((height - square_px) // stride_px + 1) * ((width - square_px) // stride_px + 1)
    # With a function instead of the module, Captum registers no hooks.
    score = class_score(model, class_index, spectral, present, progress, 1 + squares)
    with torch.no_grad():
        drop = Occlusion(score).attribute(
            images.detach(),
            sliding_window_shapes=(images.shape[1], square_px, square_px),
            strides=(images.shape[1], stride_px, stride_px),
            baselines=0.0,
            perturbations_per_eval=BATCH,
        )
    # Squares begin at multiples of the stride and end there, so within a cell all pixels and channels are equal.
    cells = drop[0, 0, ::stride_px, ::stride_px].float().cpu().numpy()
    arguments = {"square_px": square_px, "stride_px": stride_px, "baseline": "mean color"}
    return Explanation(cells, "occlusion", class_index, arguments, SCORE_DROP, is_additive=False)
