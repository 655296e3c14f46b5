"""Decodes a file to an upright RGB photo, or raises `InvalidPhotoError` with the reason."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from hvit.data.image_formats import tiff_header
from hvit.data.image_formats.bit_depth import deep_to_grey
from hvit.data.image_formats.color_profiles import profile_mode, to_srgb
from hvit.data.image_formats.decoding_work import DecodingWork, bmp_work, gif_work, tiff_work, webp_work
from hvit.data.image_formats.file_kinds import format_of
from hvit.data.image_formats.heif_boxes import heif_work
from hvit.data.image_formats.jpeg_markers import is_jpeg_complete, jpeg_without_metadata
from hvit.data.image_formats.png_chunks import png_without_texts
from hvit.data.image_formats.tiff_header import exif_orientation
from hvit.data.invalid_photo import InvalidPhotoError as InvalidPhotoError
from hvit.data.invalid_photo import LostPhotoError as LostPhotoError
from hvit.data.photo_limits import EXPORT_SMALLER, LIMIT, MAX_BYTES, check_bytes, check_sides
from hvit.files import open_regular

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
})  # fmt: skip
COUNT_WORK = {
    "GIF": gif_work, "WEBP": webp_work, "BMP": bmp_work, "TIFF": tiff_work, "HEIF": heif_work, "AVIF": heif_work,
}  # fmt: skip
MOVING = ("GIF", "WEBP", "PNG", "AVIF")

ENDS_EARLY = "the file ends too early. Copy it again from the camera."
DAMAGED = "the file is damaged. Copy it again from the camera."
DAMAGED_HEIC = (
    "it is in the iPhone's HEIC format, and cannot be decoded. Copy it again, or set Camera > Formats > Most "
    "Compatible, or export it as JPEG."
)
NO_HEIC = "it is in the iPhone's HEIC format, and pillow-heif is not installed: pip install -r requirements.txt."
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
REDUCTIONS = (8, 4, 2)  # of the sides, that a JPEG can be decoded at


LeastSides = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: upright RGB, (H, W, 3) uint8.
        sha256: of the file's bytes.
        animated: whether the file has several frames; the pixels are those of the first.
        file_sides: height and width of the upright photo in the file; None where the pixels have all of them.
    """

    pixels: np.ndarray
    sha256: str
    animated: bool
    file_sides: tuple[int, int] | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the upright photo in the file, in px."""
        height, width = self.pixels.shape[:2] if self.file_sides is None else self.file_sides
        return height, width


def photo_bytes(path: Path) -> bytes:
    """Reads the bytes of a photo file, up to the size limit.

    Raises:
        LostPhotoError: it cannot be opened, or is no regular file.
        InvalidPhotoError: it is too large.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)  # file systems may report a wrong size
            size = max(len(data), file.seek(0, io.SEEK_END))
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise LostPhotoError(f"the file cannot be opened: {getattr(error, 'strerror', None) or error}.") from None
    check_bytes(size)
    return data


def read_photo(path: Path, least_sides: LeastSides | None = None) -> Photo:
    """Decodes a photo file; see `decode_photo`.

    Raises:
        InvalidPhotoError: it cannot be read, or is no photo.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (80, 64), "green").save(Path(folder) / "leaf.png")
    ...     read_photo(Path(folder) / "leaf.png").pixels.shape
    (64, 80, 3)
    """
    return decode_photo(photo_bytes(path), least_sides)


def decode_photo(data: bytes, least_sides: LeastSides | None = None) -> Photo:
    """Decodes a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, HEIF or AVIF of 64 px to 50 megapixels and at most 50 MB.

    The format is detected by content, not by name. ICC profiles are converted to sRGB. Grey, palette, CMYK, 16-bit
    (scaled) and transparent photos (on white) become RGB, EXIF orientation is applied, and of an animation the first
    frame is taken. Size and decoding work are limited by headers, before anything is decoded.

    Args:
        least_sides: called with height and width; the photo is reduced by 2, 4 or 8 as long as neither side falls below
            what it returns. A JPEG is decoded at the reduced size, which is several times faster; the pixels of other
            formats are averaged afterwards. None: full size.
    Raises:
        InvalidPhotoError: one sentence with the reason.
    """
    with photo_errors():
        if not data:
            raise InvalidPhotoError("it is empty (0 bytes). Copy it again.")
        check_bytes(len(data))
        kind = format_of(data)
        try:
            image = _opened(kind, data)
            check_sides(*image.size)
            animated = image.format in MOVING and bool(getattr(image, "is_animated", False))
            file_size = _reduce_decoder(image, least_sides) if kind == "JPEG" else None
            image.load()
            check_sides(*image.size)  # of HEIF, known only after decoding
            if kind == "JPEG" and not any(data[-64:]) and not is_jpeg_complete(data):
                raise InvalidPhotoError(ENDS_EARLY)  # the decoder fills missing data with grey, without an error
            upright = _upright(image)
            pixels = _to_rgb(upright, kind)
            file_sides: tuple[int, int] | None
            if file_size is not None:
                file_sides = file_size if upright.size != image.size else (file_size[1], file_size[0])
            else:
                pixels, file_sides = _reduced(pixels, least_sides)
        except (InvalidPhotoError, MemoryError):
            raise
        except Image.DecompressionBombError:
            raise InvalidPhotoError(f"it has far more than {LIMIT} megapixels; {EXPORT_SMALLER}") from None
        except Exception as error:  # decoders raise every kind for damaged files
            raise InvalidPhotoError(_why(kind, error, data)) from error
    return Photo(pixels, hashlib.sha256(data).hexdigest(), animated, file_sides)


def _reduction(height: int, width: int, least_sides: LeastSides | None) -> int:
    """The largest of `REDUCTIONS` that leaves both sides at least `least_sides`; 1 where none does."""
    if least_sides is None:
        return 1
    least = least_sides(height, width)
    return next((by for by in REDUCTIONS if height // by >= least[0] and width // by >= least[1]), 1)


def _reduced(pixels: np.ndarray, least_sides: LeastSides | None) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Pixels averaged over squares, and the sides before; the same pixels and None where they are not reduced."""
    height, width = pixels.shape[:2]
    by = _reduction(height, width, least_sides)
    return (pixels, None) if by == 1 else (np.array(Image.fromarray(pixels).reduce(by)), (height, width))


def _reduce_decoder(image: Image.Image, least_sides: LeastSides | None) -> tuple[int, int] | None:
    """Makes the decoder of a JPEG return a reduced image; the size before, (width, height), or None where it stays."""
    width, height = image.size
    by = _reduction(height, width, least_sides)
    if by == 1 or image.draft(None, (width // by, height // by)) is None:
        return None
    return width, height


@contextmanager
def photo_errors() -> Iterator[None]:
    """Converts any exception for one photo to `InvalidPhotoError`, so that one photo never stops a batch.

    Readers of several photos catch `InvalidPhotoError`; this is the one place that catches everything else.
    """
    try:
        yield
    except InvalidPhotoError:
        raise
    except MemoryError:
        raise InvalidPhotoError("there is not enough memory to read it. Export it smaller.") from None
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InvalidPhotoError(f"the program failed on it ({reason}). Please report that.") from error


def _opened(kind: str, data: bytes) -> Image.Image:
    """Opens an image without decoding it; metadata that does not change the pixels is left out.

    Raises:
        InvalidPhotoError: its size is out of range, or decoding would be too much work.
    """
    work = DecodingWork()
    if kind == "JPEG":
        data, exif, xmp = jpeg_without_metadata(work, data)
        image = Image.open(io.BytesIO(data), formats=[kind])
        image.info |= {"exif": exif, "xmp": xmp}
        return image
    if kind == "PNG":
        data = png_without_texts(work, data)
    else:
        COUNT_WORK[kind](work, data)
    return _opened_heif(data) if kind == "HEIF" else Image.open(io.BytesIO(data), formats=[kind])


def _opened_heif(data: bytes) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise InvalidPhotoError(NO_HEIC) from None
    heif: Any = HeifImageFile  # it has no types
    image: Image.Image = heif(io.BytesIO(data))  # not registered, which would change Pillow for the whole process
    return image


def _why(kind: str, error: Exception, data: bytes) -> str:
    if kind == "HEIF":
        return DAMAGED_HEIC
    if kind == "TIFF" and isinstance(error, UnidentifiedImageError) and (told := tiff_header.sample_kind(data)):
        return f"it is a TIFF of {told}, which I cannot read. Export it as JPEG or PNG."
    words = ("truncated", "not processed", "unexpected end")
    if isinstance(error, EOFError | IndexError) or any(word in str(error).lower() for word in words):
        return ENDS_EARLY
    return DAMAGED


def _upright(image: Image.Image) -> Image.Image:
    orientation = None if image.format == "TIFF" else _orientation(image.info)  # Pillow rotates TIFF itself
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _orientation(info: dict[str | tuple[int, int], Any]) -> int | None:
    """Orientation in EXIF, or else in XMP, as in Pillow's `getexif`, but without copying every entry."""
    exif = info.get("exif")
    if not exif and "Raw profile type exif" in info:  # as ImageMagick writes EXIF into a PNG
        exif = bytes.fromhex("".join(info["Raw profile type exif"].split("\n")[3:]))
    if (found := exif_orientation(exif or b"")) is not None:
        return found
    xmp = info.get("XML:com.adobe.xmp") or info.get("xmp") or b""
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    match = re.search(rb'tiff:Orientation(="|>)([0-9])', xmp)
    return int(match[2]) if match else None


def _to_rgb(image: Image.Image, kind: str) -> np.ndarray:
    profile = image.info.get("icc_profile")
    mode = profile_mode(profile)
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(deep_to_grey(np.asarray(image), image.mode))
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = image.getchannel("A")
    if profile and mode is not None and (image.mode == "CMYK") == (mode == "CMYK"):
        given = _as_mode(image, mode)
        image = image if given is None else to_srgb(given, profile, kind) or image
    if alpha is not None and alpha.getextrema() != (255, 255):  # an opaque photo needs no background
        if image.mode != "RGBA":  # its profile was applied to the colors alone
            image.putalpha(alpha)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.ascontiguousarray(image if image.mode == "RGB" else image.convert("RGB"))


def _as_mode(image: Image.Image, mode: str) -> Image.Image | None:
    """Converts to the mode of an ICC profile; None for a color image with a grey profile."""
    if mode != "L":
        return image.convert(mode)
    if image.mode in ("L", "1"):
        return image.convert("L")
    red, green, blue = image.convert("RGB").split()  # of grey with transparency
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else None
