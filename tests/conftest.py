"""Small drawn photos that all tests can use."""

from pathlib import Path

import cv2
import numpy as np
import pytest

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


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory) -> Path:
    """DIR/{train,val,test}/CLASS/*.jpg with three classes, 8, 4 and 4 photos each."""
    root = tmp_path_factory.mktemp("photos") / "drawn"
    classes = ("Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy")
    for start, (split, count) in zip((0, 100, 200), (("train", 8), ("val", 4), ("test", 4))):
        for class_index, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                height, width = ((96, 96), (80, 112), (112, 80))[i % 3]
                pixels = draw_leaf(class_index, start + i, height, width)
                cv2.imwrite(str(folder / f"{i:02d}.jpg"), pixels[:, :, ::-1])
    return root
