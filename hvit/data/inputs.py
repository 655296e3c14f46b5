"""Model inputs of a photo: normalized image and, for a model with a spectral stream, its spectral image."""

import numpy as np
import torch
from torch import Tensor

from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream, fit_planes, vegetation_indices
from hvit.data.transfer import to_device


def model_inputs(
    pixels: np.ndarray, preprocessing: Preprocessing, stream: SpectralStream | None, bands: np.ndarray | None = None
) -> tuple[Tensor, ...]:
    """Preprocesses one photo to the inputs of a model, without batch dimension.

    Args:
        pixels: upright RGB, (H, W, 3) uint8.
        stream: specification of the model's spectral stream; None where it has none.
        bands: reflectance, (C, h, w) float32, of the same scene at any resolution; None where there are none.
    Returns:
        (image (3, h, w),) for a model without a spectral stream. Otherwise also the spectral image (C, h, w), and
        whether it is present, a bool scalar; vegetation indices always are.
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
    """Stacks the inputs of photos of the same size to a batch for `model(*batch)`."""
    return tuple(to_device(torch.stack(parts), device) for parts in zip(*inputs))
