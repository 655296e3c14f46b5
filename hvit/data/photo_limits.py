"""Size limits of photos, checked by file headers before decoding."""

from hvit.data.invalid_photo import InvalidPhotoError

LIMIT = 50  # megabytes, and megapixels
MAX_BYTES = MAX_PIXELS = LIMIT * 1_000_000
MIN_SIDE_PX = 64
MAX_ASPECT = 20
EXPORT_SMALLER = f"the limit is {LIMIT}. Export it smaller."


def check_bytes(size: int) -> None:
    """Checks the size of a file in bytes.

    Raises:
        InvalidPhotoError: it is too large.
    """
    if size > MAX_BYTES:
        raise InvalidPhotoError(f"it has {_above(size / 1e6)} MB; {EXPORT_SMALLER}")


def check_sides(width: int, height: int) -> None:
    """Checks width and height of a photo in px.

    Raises:
        InvalidPhotoError: it is too large, too small or too elongated.
    """
    if width * height > MAX_PIXELS:
        raise InvalidPhotoError(f"it has {_above(width * height / 1e6)} megapixels; {EXPORT_SMALLER}")
    if min(width, height) < MIN_SIDE_PX:
        least = f"both sides must be at least {MIN_SIDE_PX} px"
        raise InvalidPhotoError(f"it is {width} x {height} px; {least}. Use the original photo.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        most = f"the longer side may be {MAX_ASPECT} times the shorter"
        raise InvalidPhotoError(f"it is {width:,} x {height:,} pixels; {most}. Cut out the part with the leaf.")


def _above(number: float) -> str:
    """Formats a number above the limit, rounded so that it still reads as above it."""
    return f"{number:.0f}" if number >= LIMIT + 1 else f"{max(number, LIMIT + 0.1):.1f}"
