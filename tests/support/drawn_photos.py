"""Small drawn photos."""

import cv2
import numpy as np

LEAF_COLORS = ((120, 85, 45), (55, 105, 70), (70, 185, 55))  # brown, dull, fresh: one a class


def draw_leaf(class_index: int, seed: int, height: int = 96, width: int = 96) -> np.ndarray:
    """A leaf on a background that does not depend on its class; the class is its color and its spots.

    Returns:
        (height, width, 3) uint8.
    """
    rng = np.random.default_rng([seed, class_index])
    photo = cv2.resize(rng.integers(90, 220, (5, 5, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    center = (width // 2 + int(rng.integers(-6, 7)), height // 2 + int(rng.integers(-6, 7)))
    axes = (int(width * rng.uniform(0.28, 0.4)), int(height * rng.uniform(0.2, 0.32)))
    color = [int(c + rng.integers(-12, 13)) for c in LEAF_COLORS[class_index % len(LEAF_COLORS)]]
    cv2.ellipse(photo, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1)
    for _ in range(5 * (class_index % len(LEAF_COLORS))):
        spot = (center[0] + int(rng.integers(-axes[0] // 2, axes[0] // 2)), center[1] + int(rng.integers(-12, 13)))
        cv2.circle(photo, spot, 3, (60, 40, 20), -1)
    return photo
