"""Masked image modeling: the visible 32-px units of an image, which alone are computed (masked ones are left out).

A mask unit is one window of the first two stages, so that attention there stays within a unit; convolutions between
stages and the global attention of the last two stages cross it. Convolutions see zeros in place of masked units, as
beyond the border of the image (Ryali et al. 2023, arXiv:2306.00989).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hvit.models.config import STRIDES, UNIT_PX
from hvit.models.layers import grid_of, windows_of

SIDES = tuple(UNIT_PX // stride for stride in STRIDES)  # tokens along the side of a unit in each stage: 8, 4, 2, 1


@dataclass(frozen=True)
class VisibleUnits:
    """The visible units of a batch, the same number in each image.

    Attributes:
        indices: of the visible units in row-major order, (B, V) int64, without repeats in an image.
        rows, columns: grid of units of an image.
    """

    indices: Tensor
    rows: int
    columns: int

    @classmethod
    def of(cls, visible_indices: Tensor, height: int, width: int) -> "VisibleUnits":
        """Checks `visible_indices` against the image size in px, multiples of 32.

        Raises:
            ValueError: `visible_indices` is empty, or has more units than an image.
        """
        rows, columns = height // UNIT_PX, width // UNIT_PX
        if visible_indices.ndim != 2 or not 1 <= visible_indices.shape[1] <= rows * columns:
            shape = tuple(visible_indices.shape)
            raise ValueError(f"visible_indices has shape {shape}; expected (B, V), V from 1 to {rows * columns} units")
        return cls(visible_indices, rows, columns)

    @property
    def total(self) -> int:
        """Number of units of an image, visible and masked."""
        return self.rows * self.columns

    @property
    def flat(self) -> Tensor:
        """Indices of the visible units among the units of the whole batch, (B*V,)."""
        first = torch.arange(len(self.indices), device=self.indices.device)[:, None] * self.total
        return (self.indices + first).flatten()

    def visible(self) -> Tensor:
        """Mask of the visible units, (B, units) bool."""
        mask = torch.zeros(len(self.indices), self.total, dtype=torch.bool, device=self.indices.device)
        return mask.scatter(1, self.indices, True)

    def scatter(self, units: Tensor, side: int) -> Tensor:
        """Scatters visible units (B*V, side*side, C) into a grid of zeros, (B, H, W, C)."""
        B, C = len(self.indices), units.shape[-1]
        everywhere = units.new_zeros(B * self.total, side * side, C).index_copy(0, self.flat, units)
        return grid_of(everywhere, side, (B, self.rows * side, self.columns * side, C))

    def gather(self, grid: Tensor, side: int) -> Tensor:
        """Gathers the visible units of a grid: (B, H, W, C) -> (B*V, side*side, C)."""
        return windows_of(grid, side).index_select(0, self.flat)

    def blanked(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) with masked units set to zero."""
        mask = self.visible().reshape(-1, 1, self.rows, self.columns)
        mask = mask.repeat_interleave(UNIT_PX, 2).repeat_interleave(UNIT_PX, 3)
        return torch.where(mask, images, torch.zeros((), dtype=images.dtype, device=images.device))
