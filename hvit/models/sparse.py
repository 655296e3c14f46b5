"""Which 32-px units of an image a backbone computes: masked ones are left out, not blanked.

A unit is one window of the first two stages, so that nothing crosses its border before the convolutions between stages
and the global attention of the last two do. Convolutions see zeros in the place of a masked unit, as beyond a border.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hvit.models.config import STRIDES, UNIT_PX
from hvit.models.layers import grid_of, windows_of

SIDES = tuple(UNIT_PX // stride for stride in STRIDES)  # tokens along a unit in each stage: 8, 4, 2, 1


@dataclass(frozen=True)
class VisibleUnits:
    """The units of a batch that are computed, as many in each image.

    Attributes:
        kept: numbers of the visible units, row by row within an image, (B, V) int64; none twice in a row.
        rows, columns: units of an image.
    """

    kept: Tensor
    rows: int
    columns: int

    @classmethod
    def of(cls, kept: Tensor, height: int, width: int) -> "VisibleUnits":
        """For images of these sides in px, multiples of 32.

        Raises:
            ValueError: `kept` has no column, or names a unit the images do not have.
        """
        rows, columns = height // UNIT_PX, width // UNIT_PX
        if kept.ndim != 2 or not 1 <= kept.shape[1] <= rows * columns:
            raise ValueError(f"kept is {tuple(kept.shape)}; expected (B, V) with V from 1 to {rows * columns} units")
        return cls(kept, rows, columns)

    @property
    def total(self) -> int:
        """Units of an image, visible or not."""
        return self.rows * self.columns

    @property
    def flat(self) -> Tensor:
        """Numbers among the units of the whole batch, (B*V,)."""
        first = torch.arange(len(self.kept), device=self.kept.device)[:, None] * self.total
        return (self.kept + first).flatten()

    def visible(self) -> Tensor:
        """Whether each unit is visible, (B, units) bool."""
        mask = torch.zeros(len(self.kept), self.total, dtype=torch.bool, device=self.kept.device)
        return mask.scatter(1, self.kept, True)

    def scatter(self, units: Tensor, side: int) -> Tensor:
        """Visible units (B*V, side*side, C) in their places on a grid of zeros, (B, H, W, C)."""
        B, C = len(self.kept), units.shape[-1]
        everywhere = units.new_zeros(B * self.total, side * side, C).index_copy(0, self.flat, units)
        return grid_of(everywhere, side, (B, self.rows * side, self.columns * side, C))

    def gather(self, grid: Tensor, side: int) -> Tensor:
        """The inverse: (B, H, W, C) to the visible units, (B*V, side*side, C)."""
        return windows_of(grid, side).index_select(0, self.flat)

    def blanked(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) with zeros in the place of masked units."""
        mask = self.visible().reshape(-1, 1, self.rows, self.columns)
        mask = mask.repeat_interleave(UNIT_PX, 2).repeat_interleave(UNIT_PX, 3)
        return torch.where(mask, images, torch.zeros((), dtype=images.dtype, device=images.device))
