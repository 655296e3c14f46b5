"""Camera model: white balance, exposure, lens blur, sensor noise, tone curve and JPEG."""

import cv2
import numpy as np

from hvit.data.leafsim.color import encoded
from hvit.data.leafsim.noise import blurred
from hvit.data.leafsim.random_stream import Part, RandomStream

P_BLURRED = 0.20


def photograph(scene: np.ndarray, metered: float, size: int, part: Part) -> np.ndarray:
    """Renders a scene as a JPEG photo.

    Args:
        scene: linear light, (3, S, S) float32.
        metered: scene brightness the exposure is set for, linear.
        size: side of the picture in pixels, at most S.
        part: gives the `RandomStream` of a named part.
    Returns:
        (size, size, 3) uint8, with JPEG artifacts.
    """
    rng = part("camera")
    warmth, green = rng.uniform(-1, 1), rng.uniform(-0.06, 0.06)
    cast = np.array([1 + 0.11 * warmth, 1 + green * 0.6, 1 - 0.11 * warmth], np.float32)
    exposure = (0.20 / max(metered, 0.01)) ** 0.6 * 2 ** rng.uniform(-0.5, 0.6)
    scene = _through_lens(cv2.merge(list(scene)), rng)
    small = cv2.resize(scene, (size, size), interpolation=cv2.INTER_AREA)
    axis = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    vignette = 1 - np.float32(rng.uniform(0, 0.22)) * (axis[:, None] + axis[None, :]) / 2
    small = small * (np.float32(exposure) * cast) * vignette[..., None]
    noise = part("camera.noise").normal((size, size, 3))
    level = rng.uniform(0.002, 0.018)
    small = small + noise * (level * np.sqrt(np.maximum(small, 0) + 0.02))
    tones = encoded(np.clip(small, 0, 1))
    contrast = rng.uniform(0.0, 0.45)
    tones = tones + contrast * (tones * tones * (3 - 2 * tones) - tones)
    gray = tones.mean(-1, keepdims=True)
    tones = gray + (tones - gray) * np.float32(rng.uniform(0.80, 1.20))
    pixels = np.clip(tones * 255 + 0.5, 0, 255).astype(np.uint8)
    return _as_jpeg(pixels, rng.count(60, 95))


def _through_lens(scene: np.ndarray, rng: RandomStream) -> np.ndarray:
    """Defocus or motion in a fifth of the pictures, slight softness in the others."""
    size = scene.shape[0]
    if not rng.chance(P_BLURRED):
        return blurred(scene, rng.uniform(0.0, 1.0) * size / 320)
    if rng.chance(0.6):
        return blurred(scene, rng.uniform(1.5, 3.5) * size / 320)
    reach = max(3, int(rng.uniform(4, 10) * size / 320)) | 1
    kernel = np.zeros((reach, reach), np.float32)
    angle, middle = rng.uniform(0, np.pi), reach // 2
    step = (np.array([np.cos(angle), np.sin(angle)]) * middle).round().astype(int)
    cv2.line(kernel, (middle - step[0], middle - step[1]), (middle + step[0], middle + step[1]), 1.0)
    return cv2.filter2D(scene, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "OpenCV could not decode its own JPEG"
    return np.ascontiguousarray(decoded[..., ::-1])
