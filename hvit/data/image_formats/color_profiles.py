"""Converts photos with an ICC profile to sRGB."""

import io

import numpy as np
from PIL import Image, ImageCms

from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photo_limits import LIMIT, MAX_PIXELS

MAX_PROFILE = 4_000_000  # bytes; those of printers are about 2 MB
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # color space of a profile -> Pillow mode
CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")  # of devices; not links of two, and no effects
FLOAT_TABLES = (b"D2B0", b"D2B1", b"D2B2", b"D2B3")  # chains of any length, in no photo: each color would walk all
SAME_WITHIN = 2  # levels of 255
BROKEN = (ImageCms.PyCMSError, OSError, ValueError, TypeError)  # what Pillow raises for a broken profile
TABLES = (b"A2B0", b"A2B1", b"A2B2")  # of colors between which is interpolated, in place of a matrix and curves
# Time of a pixel against one of a profile with a matrix (34 ns), by mode; measured, rounded up. No clock is asked.
TABLE_WEIGHTS = {"L": 2.0, "RGB": 2.0, "CMYK": 3.5}
PHONE_FORMATS = ("JPEG", "HEIF")  # with a matrix and 48 megapixels as phones write them; others take longer to decode
OTHER_WEIGHT = 1.4  # of these others


def profile_mode(profile: bytes | None) -> str | None:
    """Pillow mode of the images an ICC profile is for: RGB, L or CMYK; None where there is no usable profile."""
    if not profile or not 128 < len(profile) <= MAX_PROFILE or profile[12:16] not in CLASSES:
        return None
    if any(tag in FLOAT_TABLES for tag in _tags(profile)):
        return None
    return MODES.get(profile[16:20].decode("latin-1").strip())


def to_srgb(image: Image.Image, profile: bytes, kind: str) -> Image.Image | None:
    """Converts an image to sRGB: relative colorimetric, with black point compensation, by LittleCMS.

    Args:
        image: of the mode from `profile_mode`.
        profile: ICC, of version 2 or 4.
        kind: format of the file, as Pillow names it.
    Returns:
        An RGB image; None where the profile is broken, or is sRGB itself.
    Raises:
        InvalidPhotoError: it would be more work than the largest photo in Display P3.
    """
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode == "RGB" and _changes_nothing(transform):
            return None
    except BROKEN:
        return None
    _check_work(image, profile, kind)
    try:
        return ImageCms.applyTransform(image, transform)
    except BROKEN:
        return None


def _check_work(image: Image.Image, profile: bytes, kind: str) -> None:
    has_tables = any(tag in TABLES for tag in _tags(profile))
    weight = TABLE_WEIGHTS[image.mode] if has_tables else 1.0 if kind in PHONE_FORMATS else OTHER_WEIGHT
    pixels = image.width * image.height
    if weight * pixels > MAX_PIXELS:
        what = "a color profile of tables" if has_tables else "a color profile"
        raise InvalidPhotoError(
            f"it has {pixels / 1e6:,.0f} megapixels and {what}: more to convert than {LIMIT} megapixels of JPEG in "
            "Display P3. Export it in sRGB, or smaller."
        )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform changes no color of a grid by more than two steps of 255."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(27, 27, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return int(np.abs(moved.astype(int) - grid).max()) <= SAME_WITHIN


def _tags(profile: bytes) -> list[bytes]:
    count = int.from_bytes(profile[128:132])
    return [profile[at : at + 4] for at in range(132, min(132 + 12 * count, len(profile)), 12)]
