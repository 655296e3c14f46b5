"""Parameters and multiply-accumulates of the family, counted on models without memory."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hvit.models import SIZES, create_model


def count(img_size: int = 224) -> list[dict]:
    """Every size with its parameters and GMACs, with a head of 1000 classes; the `_dfca` sizes with their bands.

    Args:
        img_size: side in px the GMACs are counted at.
    """
    rows = []
    for name, config in SIZES.items():
        with torch.device("meta"):
            model = create_model(name).eval()
            images = torch.empty(1, config.in_chans, img_size, img_size)
            bands = torch.empty(1, config.spectral_chans, img_size, img_size) if config.spectral_chans else None
        # The counter knows the two products of plain attention; on the CPU it does not see the fused one.
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            model(images, bands)
        rows.append(
            {
                "name": name,
                "params": sum(parameter.numel() for parameter in model.parameters()),
                "gmacs": counter.get_total_flops() / 2e9,
                "img_size": img_size,
                "dims": list(config.embed_dims),
                "depths": list(config.depths),
            }
        )
    return rows
