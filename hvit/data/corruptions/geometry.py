"""Camera geometry: partial leaf, rotation, perspective, and scale."""

import math

import cv2
import numpy as np

from hvit.data.corruptions.optics import side_px
from hvit.data.leafsim.random_stream import RandomStream

FOCAL = 1.0  # focal length of the camera of `tilt` in sides of the photo: a phone


def partial_leaf(image: np.ndarray, lost: float, stream: RandomStream) -> np.ndarray:
    """Crops a window towards a random side, and enlarges it; `lost` is the fraction of the area cut off."""
    height, width = image.shape[:2]
    kept = math.sqrt(1 - lost)
    angle = stream.uniform(0, 2 * math.pi)
    stretch = 1 / max(abs(math.cos(angle)), abs(math.sin(angle)))  # to the edge of the square of possible places
    x, y = ((1 + stretch * part(angle)) / 2 for part in (math.cos, math.sin))
    window = max(2, round(width * kept)), max(2, round(height * kept))
    left, top = round(x * (width - window[0])), round(y * (height - window[1]))
    part = image[top : top + window[1], left : left + window[0]]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)


def turn(image: np.ndarray, degrees: float, stream: RandomStream) -> np.ndarray:
    """Rotates about the center in a random direction; corners are filled by reflection.

    The frame stays: of a photo that is not square, a quarter turn cuts the long ends off.
    """
    height, width = image.shape[:2]
    center = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(center, degrees if stream.chance(0.5) else -degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def tilt(image: np.ndarray, degrees: float, stream: RandomStream) -> np.ndarray:
    """Perspective of a camera tilted towards a random side; corners are filled by reflection.

    Args:
        degrees: angle between the leaf and the plane of the sensor.
    """
    height, width = image.shape[:2]
    matrix = tilt_homography(height, width, math.radians(degrees), stream.uniform(0, 2 * math.pi))
    return cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def tilt_homography(height: int, width: int, angle: float, direction: float) -> np.ndarray:
    """Homography (3, 3) of a planar photo rotated by `angle` about an axis in its plane at `direction`, in radians.

    The center stays where it is; the camera's focal length and distance are `FOCAL` sides.
    """
    focal = FOCAL * math.sqrt(height * width)
    axis = np.array([math.cos(direction), math.sin(direction), 0.0]) * angle
    rotation = cv2.Rodrigues(axis)[0]
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, focal]])
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    centered = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1.0]])
    matrix: np.ndarray = camera @ plane @ centered
    return matrix


def scale(image: np.ndarray, factor: float, stream: RandomStream) -> np.ndarray:
    """Downscales the photo by `factor`, as from farther away, and pads it with its blurred border."""
    height, width = image.shape[:2]
    small_width, small_height = max(2, round(width / factor)), max(2, round(height / factor))
    small = cv2.resize(image, (small_width, small_height), interpolation=cv2.INTER_AREA)
    left, top = (width - small_width) // 2, (height - small_height) // 2
    right, bottom = width - small_width - left, height - small_height - top
    around = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_REPLICATE)
    around = cv2.GaussianBlur(around, (0, 0), 0.02 * side_px(image))
    around[top : top + small_height, left : left + small_width] = small
    return around
