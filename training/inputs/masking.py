"""Random masking of 32-px units: a pure function of (seed, global sample number)."""

import numpy as np
import torch
from torch import Tensor

from hvit.models.config import UNIT_PX
from hvit.models.pretraining import num_visible
from training.inputs.random_streams import uniform

MASK = 5000  # random stream


def sample_visible_indices(seed: int, samples: np.ndarray, sides: tuple[int, int], mask_ratio: float) -> Tensor:
    """Samples the visible units of each view, independently of other views.

    Args:
        seed: of the run.
        samples: global sample numbers, (B,).
        sides: height and width of the views in px, multiples of 32.
        mask_ratio: share of the units that is hidden.
    Returns:
        (B, V) int64, V the same for all; at least one unit is visible and one hidden.
    """
    units = (sides[0] // UNIT_PX) * (sides[1] // UNIT_PX)
    order = np.argsort(uniform(seed, samples, units, MASK), axis=1, kind="stable")
    return torch.from_numpy(order[:, : num_visible(units, mask_ratio)].copy())
