"""Preprocessing of photos for inference: resize and normalize, stored with each model."""

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from hvit.data.transfer import to_device

UNIT_PX = 32
MIN_SIDE_PX = 64
MAX_STRETCH = 1.1
OVERSAMPLING = 4  # sides of a reduced photo, at least, over those of the model's input
LEAST_SIDE_PX = 512


@lru_cache(maxsize=4096)
def fitted_sides(height: int, width: int, img_size: int) -> tuple[int, int]:
    """Input size of the model for a photo of `height` x `width` px.

    Multiples of 32 px with an area near `img_size` squared. No cropping or padding, and the aspect ratio is kept within
    10 %, so that neither is a cue to the class. Of the sizes within 10 %, the closest in area and aspect ratio is
    taken; a longer photo keeps its aspect ratio as well as 32-px steps allow.

    >>> fitted_sides(3000, 4000, 128)
    (96, 128)
    """
    best, best_cost = (MIN_SIDE_PX, MIN_SIDE_PX), math.inf
    most = max(4 * img_size, 2 * MIN_SIDE_PX)
    for h in range(MIN_SIDE_PX, most + 1, UNIT_PX):
        for w in range(MIN_SIDE_PX, most + 1, UNIT_PX):
            stretch = abs(math.log(w * height / (h * width)))
            size = abs(math.log(h * w / img_size**2))
            cost = size + 2 * stretch + (0 if stretch <= math.log(MAX_STRETCH) else 100 + 100 * stretch)
            if cost < best_cost:
                best, best_cost = (h, w), cost
    return best


def shrunk_sizes(sizes: np.ndarray, shrink: np.ndarray) -> np.ndarray:
    """Heights and widths (B, 2) after downscaling by integer factors (B,)."""
    shrunk: np.ndarray = np.maximum(1, sizes // shrink[:, None])
    return shrunk


@dataclass(frozen=True)
class Preprocessing:
    """Resize and normalization of photos, as stored in `model.json`.

    Args:
        img_size: square root of the area in px a photo is resized to.
        mean, std: of each channel, for pixels in [0, 1].

    >>> Preprocessing(img_size=64)(np.zeros((100, 100, 3), np.uint8)).shape
    torch.Size([3, 64, 64])
    """

    img_size: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in px a photo of this size is resized to."""
        return fitted_sides(height, width, self.img_size)

    def least_sides(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in px that a photo of this size may be reduced to while it is decoded.

        Four times those of the model's input, and at least 512: what is then resized has the detail that counts.

        >>> Preprocessing(img_size=192).least_sides(3000, 4000)
        (640, 896)
        """
        rows, columns = (max(OVERSAMPLING * side, LEAST_SIDE_PX) for side in self.sides(height, width))
        return rows, columns

    def resize(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (h, w, 3) uint8, antialiased."""
        height, width = self.sides(*pixels.shape[:2])
        shrinks = height < pixels.shape[0] or width < pixels.shape[1]
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)

    def normalize(self, images: Tensor) -> Tensor:
        """Pixels (B, 3, H, W), uint8 or float in [0, 255] -> float32, standardized per channel."""
        mean, std = (to_device(torch.tensor(v).mul(255)[:, None, None], images.device) for v in (self.mean, self.std))
        return (images.float() - mean) / std

    def __call__(self, pixels: np.ndarray) -> Tensor:
        """(H, W, 3) uint8 -> normalized (3, h, w) float32."""
        return self.normalize(torch.from_numpy(self.resize(pixels)).permute(2, 0, 1)[None])[0]

    def to_dict(self) -> dict[str, Any]:
        """The fields as numbers and lists, for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocessing":
        """Reads the output of `to_dict`.

        Raises:
            ValueError: a key is missing or unknown.
        """
        if set(values) != set(cls.__dataclass_fields__):
            raise ValueError(f"preprocessing has {sorted(values)}, expected {sorted(cls.__dataclass_fields__)}")
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**fields)
