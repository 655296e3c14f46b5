"""Asynchronous host-to-device copies through pinned memory."""

import numpy as np
import torch
from torch import Tensor


def to_device(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Copies an array to a device without blocking; dtype and strides are kept.

    `.to("cuda")` from pageable memory synchronizes with the GPU, which delays the next kernels; a copy from pinned
    memory is queued.

    Args:
        values: on the CPU.
        device: the target; for the CPU nothing is copied.
    """
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if torch.device(device).type == "cuda" and tensor.numel():
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
