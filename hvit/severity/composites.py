"""Photos of cut-out leaves composited on rendered backgrounds, with exact leaf masks."""

from functools import partial

import cv2
import numpy as np

from hvit.data.leafsim import Address
from hvit.data.leafsim.background import background
from hvit.data.leafsim.color import encoded
from hvit.data.leafsim.light import light
from hvit.data.leafsim.random_stream import RandomStream

BLACK_UP_TO = 24  # largest channel of the black ground, JPEG noise included
MARGIN = 0.15  # of the leaf's side, ground around it
EXPOSURE = 0.35  # mean of the ground, in sRGB


def cutout_mask(pixels: np.ndarray) -> np.ndarray:
    """Leaf mask of a leaf on a black background, (H, W) bool: the largest bright region, holes filled."""
    bright = (pixels.max(2) > BLACK_UP_TO).astype(np.uint8)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros(bright.shape, np.uint8)
    if outlines:
        cv2.drawContours(mask, [max(outlines, key=cv2.contourArea)], -1, 1, thickness=cv2.FILLED)
    return mask > 0


def composite(pixels: np.ndarray, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Composites a cut-out leaf on a rendered background with a margin.

    Args:
        pixels: leaf on black, (H, W, 3) uint8.
        seed, index: of the background, which is the same each time.
    Returns:
        The photo (S, S, 3) uint8, and its leaf mask (S, S) bool.
    """
    height, width = pixels.shape[:2]
    side = round((1 + 2 * MARGIN) * max(height, width))
    top, left = (side - height) // 2, (side - width) // 2
    photo, mask = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), bool)
    photo[top : top + height, left : left + width] = pixels
    mask[top : top + height, left : left + width] = cutout_mask(pixels)
    part = partial(RandomStream, Address(seed, index))
    ground = background(side, light(part("light")), part)[0].transpose(1, 2, 0)
    tones = encoded(np.clip(ground * (EXPOSURE**2.2 / max(1e-4, float(ground.mean()))), 0, 1))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)[:, :, None]
    blended = soft * photo + (1 - soft) * 255 * tones
    return np.clip(blended + 0.5, 0, 255).astype(np.uint8), mask
