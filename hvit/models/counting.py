"""Parameters and multiply-accumulates of the family, counted on models without memory."""

from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import SIZES, create_model


@dataclass(frozen=True)
class Cost:
    """What one picture asks of a model.

    Attributes:
        params: number of parameters.
        gmacs: billions of multiply-accumulates for one square picture.
        img_size: its side in px.
    """

    params: int
    gmacs: float
    img_size: int


def cost_of(name: str, arguments: dict, img_size: int) -> Cost:
    """Counts a model without giving it memory or weights.

    Args:
        name, arguments: of `create_model`, as a run records them.
        img_size: side in px of the square picture.
    Raises:
        ValueError: there is no such model, or it does not compute at this size.
    """
    with torch.device("meta"):
        model = create_model(name, **arguments).eval()
        images = torch.empty(1, 3, img_size, img_size)
        channels = model.spectral_chans
        inputs = (images, torch.empty(1, channels, img_size, img_size)) if channels else (images,)
    # The counter knows the two products of plain attention; on the CPU it does not see the fused one.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(*inputs)
    params = sum(parameter.numel() for parameter in model.parameters())
    return Cost(params, counter.get_total_flops() / 2e9, img_size)


def count(img_size: int = 224) -> list[dict]:
    """Every size with its parameters and GMACs, with a head of 1000 classes; the `_dfca` sizes with their bands.

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
