"""A photo, and the bands beside it where there are any, to what a model takes: the same way everywhere."""

import numpy as np
import torch
from torch import Tensor

from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream, fit_planes, vegetation_indices
from hvit.data.transfer import to_device


def model_inputs(
    pixels: np.ndarray, preprocessing: Preprocessing, stream: SpectralStream | None, bands: np.ndarray | None = None
) -> tuple[Tensor, ...]:
    """What a model takes for one photo, ready to be stacked with others of the same sides.

    Args:
        pixels: upright RGB, (H, W, 3) uint8.
        stream: what the model's spectral stream expects; None where it has none.
        bands: reflectance, (C, h, w) float32, of the same picture at any size; None where there are none.
    Returns:
        (image (3, h, w),) for a model without a stream. Else also its spectral picture (C, h, w) and whether there is
        one, a bool scalar; indices are always there.
    """
    pixels = preprocessing.resize(pixels)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    normal = preprocessing.normalize(image)[0]
    if stream is None:
        return (normal,)
    sides = pixels.shape[:2]
    if stream.kind == "indices":
        spectral = stream.normalize(vegetation_indices(image))[0]
    elif bands is not None:
        spectral = stream.normalize(torch.from_numpy(fit_planes(bands, sides))[None])[0]
    else:
        spectral = torch.zeros(stream.num_bands, *sides)
    return normal, spectral, torch.tensor(stream.kind == "indices" or bands is not None)


def stacked(inputs: list[tuple[Tensor, ...]], device: torch.device) -> tuple[Tensor, ...]:
    """Inputs of several photos of the same sides as one batch: what `model(*batch)` takes."""
    return tuple(to_device(torch.stack(parts), device) for parts in zip(*inputs))
