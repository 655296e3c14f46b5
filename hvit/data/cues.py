"""Ablation of visual cues of a photo: color, detail, aspect ratio, background, leaf. Pure functions on one photo."""

import cv2
import numpy as np

LOW_PASS_SIDE_PX = 16
STRETCH = 1.25
GREY = 128
MARGIN_SHARE = 0.02  # of the longer side, by which a removed leaf is widened: masks end a little inside the leaf
MASK_AREA = (0.05, 0.85)  # share of the photo: outside it, a mask found by color is no single leaf


def grey(image: np.ndarray) -> np.ndarray:
    """Removes color: luminance in all three channels, (H, W, 3) uint8."""
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def low_pass(image: np.ndarray, side_px: int = LOW_PASS_SIDE_PX) -> np.ndarray:
    """Removes detail: downsamples to `side_px` on the longer side and upsamples again, (H, W, 3) uint8."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC)


def stretched(image: np.ndarray, factor: float = STRETCH) -> np.ndarray:
    """Changes the aspect ratio: widens the photo by `factor`, (H, W * factor, 3) uint8."""
    height, width = image.shape[:2]
    return cv2.resize(image, (round(width * factor), height), interpolation=cv2.INTER_CUBIC)


def leaf_only(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Removes the background: pixels outside the leaf become grey (Only-FG of Xiao et al. 2020, arXiv:2006.09994).

    Args:
        mask: leaf, (H, W) bool.
    """
    return np.where(mask[..., None], image, np.uint8(GREY))


def background_only(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Removes the leaf: fills it with the mean background color (No-FG of Xiao et al. 2020); its outline stays.

    Args:
        mask: leaf, (H, W) bool; it is widened a little, and must leave some background.
    """
    margin_px = max(1, round(MARGIN_SHARE * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1,) * 2)
    wide = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
    ground = image[~wide] if not wide.all() else image[~mask]
    return np.where(wide[..., None], np.rint(ground.mean(0)).astype(np.uint8), image)


def is_single_leaf(mask: np.ndarray) -> bool:
    """Whether the area of a mask is plausible for a single leaf."""
    low, high = MASK_AREA
    return low <= float(mask.mean()) <= high
