"""Reflectance in five spectral bands, mixed from the components of the tissue.

The values follow general descriptions of leaf spectra (chlorophyll absorbs blue and red, cell walls reflect the near
infrared, dead tissue does neither); they are plausible, not measured.
"""

import cv2
import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.noise import fractal, smoothstep
from hvit.data.leafsim.plan import Plan
from hvit.data.leafsim.random_stream import Part
from hvit.data.leafsim.tissue import Tissue

BANDS = ("blue 475 nm", "green 560 nm", "red 668 nm", "red edge 717 nm", "near infrared 840 nm")
# Lowest and highest of each tissue, (2, 5).
HEALTHY = np.array([[0.04, 0.10, 0.04, 0.25, 0.42], [0.06, 0.15, 0.07, 0.35, 0.52]], np.float32)
CHLOROTIC = np.array([[0.05, 0.18, 0.12, 0.35, 0.42], [0.08, 0.26, 0.22, 0.45, 0.50]], np.float32)
NECROTIC = np.array([[0.06, 0.10, 0.15, 0.22, 0.25], [0.09, 0.15, 0.25, 0.30, 0.35]], np.float32)
GROUND = np.array([0.08, 0.12, 0.16, 0.20, 0.25], np.float32)
MILDEW = np.array([0.075, 0.075, 0.075, 0.03, 0.0], np.float32)  # added
STRESS = np.array([[0.0, 0.005, 0.005, -0.03, -0.06], [0.0, 0.01, 0.01, -0.06, -0.12]], np.float32)  # added


def stress(blade: Blade, tissue: Tissue, what: Plan, part: Part) -> np.ndarray:
    """Early stress that color cannot show, (S, S) float32 in 0 to 1: patches, on living tissue only."""
    if not what.stressed:
        return np.zeros_like(blade.cover)
    rng = part("stress")
    patches = fractal(part("stress.patches"), blade.pose.size, 4, 3, 0.5)
    middle = blade.quantile(patches, rng.uniform(0.15, 0.7))
    field: np.ndarray = smoothstep(middle - 0.15, middle + 0.15, patches) * (1 - tissue.necrotic) * (blade.cover > 0.5)
    return field


def reflectance(
    blade: Blade, tissue: Tissue, stressed: np.ndarray, ground: np.ndarray, size: int, part: Part
) -> np.ndarray:
    """Calibrated reflectance as an imaging sensor above the leaf records it.

    Args:
        stressed: early stress, (S, S).
        ground: what lies behind the leaf, linear light (3, S, S): its brightness varies the ground's reflectance.
        size: side of the result.
    Returns:
        (5, size, size) float32 in [0, 1], with sensor noise.
    """
    rng = part("bands")
    vigor, dryness = rng.uniform(), rng.uniform()
    tone = np.clip(vigor + 0.12 * blade.tone, 0, 1)
    cube = []
    brightness = ground.mean(0)
    brightness = np.clip(brightness / max(float(brightness.mean()), 1e-3), 0.3, 2.0)
    cover = np.clip(blade.cover * tissue.solid, 0, 1)
    noise = part("bands.noise")
    for band in range(len(BANDS)):
        value = _between(HEALTHY, band, tone)
        value = value + (_between(CHLOROTIC, band, tone) - value) * tissue.chlorotic
        value = value + (_between(NECROTIC, band, np.float32(dryness)) - value) * tissue.necrotic
        value = value + MILDEW[band] * tissue.mildewed
        value = value + _between(STRESS, band, np.float32(dryness)) * stressed
        value = value * (1 + 0.05 * (tissue.detail - 1))
        ground_band = GROUND[band] * brightness
        value = ground_band + (value - ground_band) * cover
        small = cv2.resize(value.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        cube.append(np.clip(small + 0.006 * noise.normal((size, size)), 0, 1))
    return np.stack(cube).astype(np.float32)


def _between(tissue: np.ndarray, band: int, share: np.ndarray | np.floating) -> np.ndarray:
    value: np.ndarray = tissue[0, band] + (tissue[1, band] - tissue[0, band]) * share
    return value
