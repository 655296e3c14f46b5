"""Photos that the visitors of the dashboard give it."""

import io

import numpy as np
from PIL import Image


def leaf(seed: int, size: int = 160) -> bytes:
    """A drawn leaf as JPEG; every seed gives other bytes."""
    draw = np.random.default_rng(seed)
    pixels = np.full((size, size, 3), 190, np.uint8)
    y, x = np.mgrid[:size, :size] / size
    pixels[((x - 0.5) / 0.28) ** 2 + ((y - 0.5) / 0.4) ** 2 < 1] = [60, 120, 50]
    pixels = np.clip(pixels + draw.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


FILES = [
    {"name": "one.jpg", "mimeType": "image/jpeg", "buffer": leaf(1)},
    {"name": "two.jpg", "mimeType": "image/jpeg", "buffer": leaf(2)},
    {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": leaf(3)[:900]},
]
