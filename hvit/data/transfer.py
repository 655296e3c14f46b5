"""Copies from the host to an accelerator that the host does not wait for."""

import numpy as np
import torch
from torch import Tensor


def to_device(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """The same values in the memory of a device, with dtype and strides kept.

    A plain `.to("cuda")` from pageable memory waits until the accelerator has done all it was given, so that the next
    kernels are launched late; from pinned memory the copy joins the queue, and the host goes on.

    Args:
        values: on the CPU.
        device: where they go; on the CPU nothing is copied.
    """
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if torch.device(device).type == "cuda" and tensor.numel():
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
