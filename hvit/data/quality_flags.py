"""Quality flags of a photo: blurred, dark, bright, tiny."""

import cv2
import numpy as np

# Measured with the longer side at 512 px, so that the result does not depend on resolution.
FLAG_SIDE_PX = 512
BLURRED_BELOW = 25.0  # variance of the Laplacian of the grey values
DARK_BELOW = 40.0  # mean grey value, of 255
LIT_ABOVE = 70.0  # grey value that a twentieth of a photo in enough light reaches, also before a black ground
BRIGHT, WHITE = (250, 250, 250), (255, 255, 255)
BRIGHT_ABOVE = 0.5  # share of pixels at 250 or more in every channel, without plain white ground


def photo_flags(pixels: np.ndarray, img_size: int) -> list[str]:
    """Quality flags of a photo: blurred, dark, bright, tiny.

    Args:
        pixels: (H, W, 3) uint8.
        img_size: side in px the model works at; a photo with a shorter side below it is tiny.
    """
    height, width = pixels.shape[:2]
    scale = FLAG_SIDE_PX / max(height, width)
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    flags = []
    if cv2.Laplacian(grey, cv2.CV_64F).var() < BLURRED_BELOW:
        flags.append("blurred")
    if grey.mean() < DARK_BELOW and np.percentile(grey, 95) < LIT_ABOVE:
        flags.append("dark")
    if cv2.countNonZero(cv2.inRange(pixels, BRIGHT, WHITE)) > BRIGHT_ABOVE * grey.size and grey.std() < 40:
        flags.append("bright")
    if min(height, width) < img_size:
        flags.append("tiny")
    return flags
