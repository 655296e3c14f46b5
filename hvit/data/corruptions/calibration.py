"""Calibration of corruption strengths: SSIM and PSNR ladders, the fitted amounts, and the measured quality.

The amounts of the table were fitted with `fit_amounts` to validation photos: `python -m training.stress --ladder`.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from hvit.data.corruptions.corruption import Corruption, Ladder, apply_amount

# Mean quality at strengths 1 to 5. Blur and noise destroy structure, which SSIM measures; light and color keep it, and
# are measured by PSNR in dB.
TARGETS: dict[Ladder, tuple[float, ...]] = {
    "ssim": (0.92, 0.84, 0.75, 0.66, 0.57),
    "psnr": (27.0, 23.0, 20.0, 17.5, 15.5),
}
WINDOW_SIGMA, K1, K2, RANGE = 1.5, 0.01, 0.03, 255
BISECTIONS = 14


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity of the luma of two images (Wang et al. 2004), in [-1, 1]; 1 for equal ones.

    Gaussian window of sigma 1.5 in 11 x 11 px and population covariances, as `skimage.metrics.structural_similarity`
    with `gaussian_weights=True, use_sample_covariance=False`; a border of 5 px is left out as there.

    Args:
        first, second: (H, W, 3) uint8, RGB; sides of at least 12 px.
    """
    x, y = (_luma(image) for image in (first, second))
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    upper = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    lower = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float((upper / lower)[5:-5, 5:-5].mean())


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two images (H, W, 3) uint8 in dB; infinite for equal ones."""
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return 10 * float(np.log10(RANGE**2 / error)) if error else float("inf")


QUALITY: dict[Ladder, Callable[[np.ndarray, np.ndarray], float]] = {"ssim": ssim, "psnr": psnr}


def mean_quality(
    corruption: Corruption, photos: Sequence[np.ndarray], amount: float, measure: Ladder, seed: int = 0
) -> float:
    """Mean SSIM, or mean PSNR in dB, of corrupted photos with respect to the photos as they are.

    Args:
        photos: each (H, W, 3) uint8; photo i has index i.
    """
    compare = QUALITY[measure]
    return float(
        np.mean([compare(photo, apply_amount(corruption, photo, amount, seed, i)) for i, photo in enumerate(photos)])
    )


def measured_ladder(
    corruption: Corruption, photos: Sequence[np.ndarray], seed: int = 0
) -> dict[Ladder, tuple[float, ...]]:
    """Measures mean SSIM and PSNR at strengths 1 to 5 with the amounts of the table."""
    return {
        measure: tuple(mean_quality(corruption, photos, amount, measure, seed) for amount in corruption.amounts)
        for measure in QUALITY
    }


def fit_amounts(
    corruption: Corruption, photos: Sequence[np.ndarray], low: float, high: float, seed: int = 0
) -> tuple[float, ...]:
    """Fits the amounts at which a corruption reaches the targets of its ladder, by bisection.

    Args:
        low, high: amounts between which quality changes monotonically; `low` may be the stronger one.
    Returns:
        One amount a strength; the end of the range where a target is beyond it.
    Raises:
        ValueError: the corruption has no ladder.
    """
    if corruption.ladder is None:
        raise ValueError(f"{corruption.name} changes geometry or background; it has no ladder to be fitted to")
    falling = mean_quality(corruption, photos, low, corruption.ladder, seed) > mean_quality(
        corruption, photos, high, corruption.ladder, seed
    )
    mild, severe = (low, high) if falling else (high, low)
    found = []
    for target in TARGETS[corruption.ladder]:
        near, far = mild, severe
        for _ in range(BISECTIONS):
            middle = (near + far) / 2
            if mean_quality(corruption, photos, middle, corruption.ladder, seed) > target:
                near = middle
            else:
                far = middle
        found.append((near + far) / 2)
    return tuple(found)


def _luma(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def _blurred(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (11, 11), WINDOW_SIGMA, borderType=cv2.BORDER_REFLECT)
