"""Parameter and multiply-accumulate counts of models, on the meta device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import SIZES, create_model


@dataclass(frozen=True)
class Cost:
    """Size and compute of a model.

    Attributes:
        params: number of parameters.
        gmacs: billions of multiply-accumulates for one square image.
        img_size: side of that image in px.
    """

    params: int
    gmacs: float
    img_size: int


def cost_of(name: str, arguments: Mapping[str, Any], img_size: int) -> Cost:
    """Counts parameters and GMACs of a model without allocating its weights.

    Args:
        name, arguments: of `create_model`, as a run records them.
        img_size: side in px of the square image.
    Raises:
        ValueError: there is no such model, or it does not compute at this size.

    >>> cost = cost_of("hvit_tiny", {"num_classes": 33}, 160)
    >>> cost.params, round(cost.gmacs, 2)
    (4895377, 0.31)
    """
    with torch.device("meta"):
        model = create_model(name, **arguments).eval()
        images = torch.empty(1, 3, img_size, img_size)
        channels = model.spectral_chans
        inputs = (images, torch.empty(1, channels, img_size, img_size)) if channels else (images,)
    # FlopCounterMode counts the matrix products of plain attention; on the CPU it does not see the fused kernel.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(*inputs)
    params = sum(parameter.numel() for parameter in model.parameters())
    return Cost(params, counter.get_total_flops() / 2e9, img_size)


def count(img_size: int = 224) -> list[dict[str, Any]]:
    """Parameters and GMACs of every HViT size, with 1000 classes; of `_dfca` sizes with their spectral image.

    Args:
        img_size: side in px the GMACs are counted at.
    """
    rows = []
    for name, config in SIZES.items():
        cost = cost_of(name, {}, img_size)
        rows.append(
            {
                "name": name,
                "params": cost.params,
                "gmacs": cost.gmacs,
                "img_size": img_size,
                "dims": list(config.embed_dims),
                "depths": list(config.depths),
            }
        )
    return rows
