"""Pixels of a photo cache in GPU memory, so that training steps copy no photos from the host."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.data.preprocess import shrunk_sizes
from hvit.data.transfer import to_device


class DevicePhotos:
    """Photos of a cache in GPU memory.

    Args:
        pixels, sizes, offsets: of `hvit.data.caching.photo_cache.PhotoCache`.
        device: the target.
    """

    def __init__(self, pixels: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, device: torch.device):
        self._pixels = torch.from_numpy(np.array(pixels)).to(device)
        self._sizes, self._offsets = sizes, offsets

    def canvas(self, photos: np.ndarray, shrink: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Zero-padded batch of photos, aligned top left, like `PhotoCache.canvas`.

        Photos are downscaled by average pooling over `shrink` pixels; remaining pixels at the right and bottom are
        dropped, which `PhotoCache` interpolates.

        Args:
            photos: indices, (B,).
            shrink: integer downscaling factors, (B,).
        Returns:
            (B, 3, H, W) uint8, padded with zeros, and the sizes (B, 2).
        """
        sizes = shrunk_sizes(self._sizes[photos], shrink)
        height, width = sizes.max(0)
        canvas = torch.zeros(len(photos), 3, height, width, dtype=torch.uint8, device=self._pixels.device)
        for by in np.unique(shrink):  # one or two, as a rule
            rows = np.flatnonzero(shrink == by)
            taken = self._gather(photos[rows], by * sizes[rows])
            if by > 1:
                taken = F.avg_pool2d(taken.float(), int(by)).round_().to(torch.uint8)
            canvas[to_device(rows, canvas.device), :, : taken.shape[2], : taken.shape[3]] = taken
        return canvas, sizes

    def _gather(self, photos: np.ndarray, sizes: np.ndarray) -> Tensor:
        """Gathers the top left (h, w) of each photo, by `sizes` (B, 2): (B, 3, H, W) uint8, padded with zeros."""
        device = self._pixels.device
        starts, strides = self._offsets[photos], self._sizes[photos, 1]
        numbers = np.stack([starts, strides, sizes[:, 0], sizes[:, 1]])  # one copy instead of four
        starts, strides, heights, widths = to_device(numbers, device)[:, :, None, None]
        y = torch.arange(int(sizes[:, 0].max()), device=device)[None, :, None]
        x = torch.arange(int(sizes[:, 1].max()), device=device)[None, None, :]
        inside = (y < heights) & (x < widths)
        places = torch.where(inside, starts + 3 * (y * strides + x), 0)
        pixels = torch.stack([self._pixels[places + channel] for channel in range(3)], 1)
        batch: Tensor = pixels * inside[:, None]
        return batch
