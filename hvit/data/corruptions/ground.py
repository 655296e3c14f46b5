"""Background replacement."""

import functools
from functools import partial

import cv2
import numpy as np

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.background import background as leafsim_background
from hvit.data.leafsim.color import encoded
from hvit.data.leafsim.light import light
from hvit.data.leafsim.random_stream import RandomStream

FEATHER_PX, EDGE_PX = 1.2, 3
GREEN_BELOW = 120  # a* of Lab as OpenCV stores it; grey is at 128
SCENES = 2**31  # numbers of the scenes that a background is chosen from


def background(image: np.ndarray, share: float, stream: RandomStream, mask: np.ndarray) -> np.ndarray:
    """Blends the background with a rendered one (soil, cloth, foliage, wood, a hand, ...).

    Args:
        share: of the background that is replaced, 0 to 1.
        mask: leaf, (H, W) bool; kept as it is.
    """
    height, width = image.shape[:2]
    scene = rendered_scene(stream.count(0, SCENES - 1), max(height, width))[:height, :width]
    leaf = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), FEATHER_PX)[..., None]
    replaced = np.float32(share) * (1 - leaf)
    return np.rint(image * (1 - replaced) + scene * replaced).astype(np.uint8)


@functools.lru_cache(maxsize=8)  # the five strengths of a photo share one scene
def rendered_scene(number: int, size: int) -> np.ndarray:
    """A background of LeafSim without a leaf, (size, size, 3) float32 in [0, 255]; not to be changed."""
    part = partial(RandomStream, Address(0, number))
    scene, _ = leafsim_background(size, light(part("light")), part)
    pixels: np.ndarray = 255 * encoded(np.clip(scene, 0, 1)).transpose(1, 2, 0).astype(np.float32)
    pixels.setflags(write=False)
    return pixels


def leaf_mask_from_color(image: np.ndarray) -> np.ndarray:
    """Leaf mask by Otsu's threshold on color, (H, W) bool: the fallback without a segmentation model.

    The threshold is on the distance in Lab's color plane from the median color of the frame's border, or on excess
    green where the border itself is green; holes are filled and the largest region kept. It finds a single leaf on
    plain ground well, and a leaf among leaves badly: a model's mask is better where there is one.
    """
    smooth = cv2.GaussianBlur(image, (0, 0), 1 + 0.004 * max(image.shape[:2]))
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    edge = np.concatenate(
        [lab[:3].reshape(-1, 2), lab[-3:].reshape(-1, 2), lab[:, :3].reshape(-1, 2), lab[:, -3:].reshape(-1, 2)]
    )
    border = np.median(edge, axis=0)
    if border[0] < 128 - 8:  # green border: foliage
        red, green, blue = cv2.split(smooth.astype(np.float32))
        score = np.maximum(2 * green - red - blue, 0)
    else:
        score = np.linalg.norm(lab - border, axis=2)
    levels = (255 * (score - score.min()) / max(float(np.ptp(score)), 1e-6)).astype(np.uint8)
    found = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    reach = 2 * round(0.04 * max(image.shape[:2])) + 1  # closes bays of brown at the edge of a leaf
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return _largest_filled(found)


def _largest_filled(mask: np.ndarray) -> np.ndarray:
    """Largest connected region of a mask (H, W) uint8 with its holes filled, (H, W) bool."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled > 0
