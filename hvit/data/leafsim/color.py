"""Colors: sRGB values to linear light, in which they are mixed, and back."""

import numpy as np


def linear(red: float, green: float, blue: float) -> np.ndarray:
    """Converts an sRGB color of 0 to 255 to linear light in [0, 1], (3, 1, 1) float32."""
    c = np.array([red, green, blue], dtype=np.float32).reshape(3, 1, 1) / 255
    light: np.ndarray = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


def encoded(light: np.ndarray) -> np.ndarray:
    """Converts linear light in [0, 1] to sRGB in [0, 1]."""
    tones: np.ndarray = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    )
    return tones


def mixed(first: np.ndarray, second: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Linear interpolation of two colors, (3, 1, 1) or (3, S, S); `weight` of the second, a number or (S, S)."""
    out: np.ndarray = (second - first) * np.asarray(weight, dtype=np.float32)
    out += first  # in place: these fields are as large as the cache of a core
    return out
