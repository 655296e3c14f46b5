"""Shares of an explanation that lie on lesion, leaf and background of a rendered leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # imports torch, which a page's first frame does not wait for
    from hvit.explain.explanation import Explanation


@dataclass(frozen=True)
class LeafShares:
    """Shares of lesion, leaf and ground in the positive attribution, and in the pixels; each sums to 1."""

    attribution: dict[str, float]
    area: dict[str, float]


def leaf_shares(explanation: Explanation, leaf_mask: np.ndarray, symptom_mask: np.ndarray) -> LeafShares | None:
    """Computes the share of the positive attribution in each region; None where nothing is positive.

    Args:
        leaf_mask, symptom_mask: (H, W) bool; symptoms lie on the leaf.
    """
    from hvit.explain.localization import attribution_by_region

    areas = {"lesion": symptom_mask, "leaf": leaf_mask & ~symptom_mask, "ground": ~leaf_mask}
    shares = attribution_by_region(explanation, areas)
    return None if shares is None else LeafShares(shares, {name: float(mask.mean()) for name, mask in areas.items()})
