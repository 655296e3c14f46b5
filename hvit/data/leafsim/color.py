"""Colors: named as people see them (sRGB), mixed as light adds up (linear)."""

import numpy as np


def linear(red: float, green: float, blue: float) -> np.ndarray:
    """An sRGB color of 0 to 255 as linear light in [0, 1]; (3, 1, 1) float32, so that it mixes with fields (S, S)."""
    c = np.array([red, green, blue], dtype=np.float32).reshape(3, 1, 1) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] as sRGB in [0, 1]."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def mixed(first: np.ndarray, second: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Between two colors, (3, 1, 1) or (3, S, S); `weight` of the second, a number or a field (S, S)."""
    out = (second - first) * np.asarray(weight, dtype=np.float32)
    out += first  # in place: these fields are as large as the fast memory of a core
    return out
