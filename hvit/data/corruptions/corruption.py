"""The table of corruptions, and their application to a batch."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hvit.data.corruptions import coverings, geometry, ground, lighting, optics, sensor
from hvit.data.leafsim.address import Address
from hvit.data.leafsim.random_stream import RandomStream

STRENGTHS = (1, 2, 3, 4, 5)
Ladder = Literal["ssim", "psnr"]
Apply = Callable[[np.ndarray, float, RandomStream], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        name: identifier, as recorded in runs.
        title: for people.
        unit: of `amounts`.
        amounts: parameter at strengths 1 to 5.
        ladder: quality measure by which the amounts are calibrated, see `calibration.TARGETS`; None for changes of
            geometry and of the background, for which pixel differences say nothing about how much can be recognized.
        apply: (image (H, W, 3) uint8, amount, random stream) -> the same shape.
        needs_mask: `apply` takes a leaf mask (H, W) bool as a fourth argument.
    """

    name: str
    title: str
    unit: str
    amounts: tuple[float, float, float, float, float]
    ladder: Ladder | None
    apply: Callable[..., np.ndarray]
    needs_mask: bool = False


CORRUPTIONS: dict[str, Corruption] = {
    kind.name: kind
    for kind in (
        Corruption(
            "defocus", "Out of focus", "radius, share of the side",
            (0.0046, 0.0065, 0.0096, 0.0139, 0.0222), "ssim", optics.defocus,
        ),
        Corruption(
            "motion_blur", "Motion blur", "length, share of the side",
            (0.0122, 0.0188, 0.03, 0.0481, 0.0837), "ssim", optics.motion_blur,
        ),
        Corruption(
            "noise", "Sensor noise", "standard deviation, share of the range",
            (0.0247, 0.0381, 0.0529, 0.0692, 0.0884), "ssim", sensor.noise,
        ),
        Corruption(
            "jpeg", "JPEG artifacts", "quality",
            (64, 51, 17, 8, 4), "ssim", sensor.jpeg,
        ),
        Corruption(
            "screenshot", "Photo of a screen", "share of the full effect",
            (0.275, 0.385, 0.51, 0.7, 0.92), "ssim", sensor.screenshot,
        ),
        Corruption(
            "water_drops", "Water drops", "size of the drops, relative",
            (0.516, 0.829, 1.14, 1.44, 1.75), "ssim", coverings.water_drops,
        ),
        Corruption(
            "dust", "Dust", "opacity",
            (0.268, 0.427, 0.6, 0.781, 0.979), "ssim", coverings.dust,
        ),
        Corruption(
            "exposure", "Exposure", "stops, over or under",
            (0.271, 0.432, 0.615, 0.83, 1.06), "psnr", lighting.exposure,
        ),
        Corruption(
            "contrast", "Low contrast", "factor",
            (0.769, 0.634, 0.484, 0.311, 0.133), "psnr", lighting.contrast,
        ),
        Corruption(
            "color_cast", "Color cast", "stops between channels",
            (0.382, 0.607, 0.865, 1.18, 1.52), "psnr", lighting.color_cast,
        ),
        Corruption(
            "shade", "Shade and sun flecks", "share of light lost in the shade",
            (0.256, 0.387, 0.518, 0.647, 0.758), "psnr", lighting.shade,
        ),
        Corruption(
            "partial_leaf", "Part of the leaf", "share of the photo cut off",
            (0.2, 0.4, 0.6, 0.75, 0.85), None, geometry.partial_leaf,
        ),
        Corruption(
            "turn", "Turned", "degrees",
            (15, 30, 45, 90, 180), None, geometry.turn,
        ),
        Corruption(
            "tilt", "Tilted", "degrees",
            (10, 20, 30, 40, 50), None, geometry.tilt,
        ),
        Corruption(
            "scale", "Farther away", "times the distance",
            (1.25, 1.5, 2, 2.5, 3.5), None, geometry.scale,
        ),
        Corruption(
            "background", "Another background", "share of the background replaced",
            (0.2, 0.4, 0.6, 0.8, 1.0), None, ground.background, True,
        ),
    )
}  # fmt: skip


def corruption_named(name: str) -> Corruption:
    """Looks up a corruption by name.

    Raises:
        ValueError: there is none of this name; names the nearest.
    """
    if name not in CORRUPTIONS:
        near = difflib.get_close_matches(name, CORRUPTIONS, 1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no corruption {name!r}; {hint}there are {', '.join(CORRUPTIONS)}")
    return CORRUPTIONS[name]


def corrupt(
    images: np.ndarray,
    kind: str,
    strength: int,
    seed: int = 0,
    indices: Sequence[int] | None = None,
    masks: np.ndarray | None = None,
) -> np.ndarray:
    """Applies one corruption to a batch.

    Every image gets random numbers of its own that depend on (seed, kind, index) alone: not on its batch, and not on
    the strength, so that a stronger version of a photo is the same change, only more of it.

    Args:
        images: (N, H, W, 3) uint8, RGB; sides of at least 16 px.
        kind: a name of `CORRUPTIONS`.
        strength: 1 (slight) to 5 (severe); 0 returns a copy.
        seed: of all random numbers.
        indices: number of each image in its data set, (N,); 0, 1, ... by default. See `sample_index`.
        masks: leaf masks (N, H, W) bool, for "background" only; estimated from color where left out, see
            `ground.leaf_mask_from_color`.
    Returns:
        A new array of the same shape and type.
    Raises:
        ValueError: the kind or the strength is unknown, or an array has the wrong shape or type.

    >>> photos = np.zeros((2, 64, 64, 3), np.uint8)
    >>> corrupt(photos, "noise", strength=2, seed=7).shape
    (2, 64, 64, 3)
    """
    corruption = corruption_named(kind)
    _check(images, strength, indices, masks)
    if strength == 0:
        return images.copy()
    amount = corruption.amounts[strength - 1]
    numbers = range(len(images)) if indices is None else indices
    changed = np.empty_like(images)
    for row, number in enumerate(numbers):
        mask = None if masks is None else masks[row]
        changed[row] = apply_amount(corruption, images[row], amount, seed, int(number), mask)
    return changed


def apply_amount(
    corruption: Corruption, image: np.ndarray, amount: float, seed: int, index: int, mask: np.ndarray | None = None
) -> np.ndarray:
    """Applies a corruption to one image (H, W, 3) uint8 with an amount in its unit instead of a strength."""
    stream = RandomStream(Address(seed, index), f"corruption {corruption.name}")
    if not corruption.needs_mask:
        return corruption.apply(image, amount, stream)
    return corruption.apply(image, amount, stream, ground.leaf_mask_from_color(image) if mask is None else mask)


def sample_index(sha256: str) -> int:
    """Index of a photo for `corrupt`, from the hash of its file: independent of subset, order and data set.

    >>> sample_index("00ff00ff" + 56 * "0")
    16711935
    """
    return int(sha256[:8], 16)


def _check(images: np.ndarray, strength: int, indices: Sequence[int] | None, masks: np.ndarray | None) -> None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} {images.shape}; expected uint8 (N, H, W, 3)")
    if min(images.shape[1:3]) < 16:
        raise ValueError(f"images have sides of {images.shape[1]} and {images.shape[2]} px; expected at least 16")
    if strength not in (0, *STRENGTHS):
        raise ValueError(f"strength is {strength!r}; expected a whole number from 0 to {STRENGTHS[-1]}")
    if indices is not None and len(indices) != len(images):
        raise ValueError(f"there are {len(indices)} indices for {len(images)} images; expected one each")
    if masks is not None and (masks.shape != images.shape[:3] or masks.dtype != bool):
        raise ValueError(f"masks are {masks.dtype} {masks.shape}; expected bool {images.shape[:3]}")
