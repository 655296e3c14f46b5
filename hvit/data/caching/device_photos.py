"""The pixels of a cache on the accelerator, where they fit: a step then reads no photo through the host."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.data.preprocess import shrunk_sizes
from hvit.data.transfer import to_device


class DevicePhotos:
    """Photos of a cache in the memory of a device.

    Args:
        pixels, sizes, offsets: of `hvit.data.caching.photo_cache.PhotoCache`.
        device: where they go.
    """

    def __init__(self, pixels: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, device: torch.device):
        self._pixels = torch.from_numpy(np.array(pixels)).to(device)
        self._sizes, self._offsets = sizes, offsets

    def canvas(self, photos: np.ndarray, shrink: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Several photos in the top left corners of one tensor, as `PhotoCache.canvas` lays them out.

        A photo is scaled down by the mean over squares of `shrink` pixels; where its sides are no multiples of that,
        the last pixels are left out, which `PhotoCache` spreads.

        Args:
            photos: their numbers, (B,).
            shrink: whole number each is scaled down by, (B,).
        Returns:
            (B, 3, H, W) uint8 with zeros beyond each photo, and the sizes (B, 2).
        """
        sizes = shrunk_sizes(self._sizes[photos], shrink)
        height, width = sizes.max(0)
        canvas = torch.zeros(len(photos), 3, height, width, dtype=torch.uint8, device=self._pixels.device)
        for by in np.unique(shrink):  # one or two, as a rule
            rows = np.flatnonzero(shrink == by)
            taken = self._whole(photos[rows], by * sizes[rows])
            if by > 1:
                taken = F.avg_pool2d(taken.float(), int(by)).round_().to(torch.uint8)
            canvas[to_device(rows, canvas.device), :, : taken.shape[2], : taken.shape[3]] = taken
        return canvas, sizes

    def _whole(self, photos: np.ndarray, sizes: np.ndarray) -> Tensor:
        """The top left (h, w) of each photo, as many as `sizes` (B, 2) say: (B, 3, H, W) uint8, zeros beyond."""
        device = self._pixels.device
        starts, strides = self._offsets[photos], self._sizes[photos, 1]
        numbers = np.stack([starts, strides, sizes[:, 0], sizes[:, 1]])  # one copy instead of four
        starts, strides, heights, widths = to_device(numbers, device)[:, :, None, None]
        y = torch.arange(int(sizes[:, 0].max()), device=device)[None, :, None]
        x = torch.arange(int(sizes[:, 1].max()), device=device)[None, None, :]
        inside = (y < heights) & (x < widths)
        places = torch.where(inside, starts + 3 * (y * strides + x), 0)
        pixels = torch.stack([self._pixels[places + channel] for channel in range(3)], 1)
        return pixels * inside[:, None]
