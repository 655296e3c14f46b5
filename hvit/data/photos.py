"""Bytes of a file to an upright RGB photo, or a sentence that says why not."""

import codecs
import hashlib
import io
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOVING = ("GIF", "WEBP", "PNG")
PHOTO_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM\x00*")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
LIMIT = 50  # megabytes, and megapixels
MAX_BYTES = MAX_PIXELS = LIMIT * 1_000_000
MIN_SIDE_PX = 64

EXPORT_SMALLER = f"the limit is {LIMIT}. Export it smaller."
ENDS_EARLY = "the file ends too early. Copy it again from the camera."
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises on damaged files, found by feeding it 90,000 of them.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
_warnings_lock = threading.Lock()  # catch_warnings changes the whole process: two threads would leave it changed


class InvalidPhotoError(ValueError):
    """A file that is not a readable photo; the message is for people and does not hold the file's name."""


class LostPhotoError(InvalidPhotoError):
    """A file that cannot be opened: it may be there again in a moment."""


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: upright RGB, (H, W, 3) uint8.
        sha256: of the file's bytes.
        animated: the file holds several frames; these are the pixels of the first.
    """

    pixels: np.ndarray
    sha256: str
    animated: bool


def read_photo(path: Path) -> Photo:
    """Decodes a file; see `decode_photo`.

    Raises:
        InvalidPhotoError: it cannot be read, or is not a photo.
    """
    try:
        size = Path(path).stat().st_size
        data = b"" if size > MAX_BYTES else Path(path).read_bytes()
    except OSError as error:
        raise LostPhotoError(f"the file cannot be opened: {error.strerror}.") from None
    if size > MAX_BYTES:
        raise InvalidPhotoError(_too_large(size))
    return decode_photo(data)


def decode_photo(data: bytes) -> Photo:
    """Decodes a JPEG, PNG, WebP, GIF, BMP or TIFF of 64 px to 50 megapixels and at most 50 MB.

    The kind is told by content, not by name. Grey, palette, CMYK, 16-bit (scaled) and transparent photos (on white)
    become RGB, EXIF orientation is applied, and of an animation the first frame is taken. Sizes are judged by the
    header, before anything is decoded.

    Raises:
        InvalidPhotoError: with one sentence that says why.
    """
    if not data:
        raise InvalidPhotoError("it is empty (0 bytes). Copy it again.")
    if len(data) > MAX_BYTES:
        raise InvalidPhotoError(_too_large(len(data)))
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of large pictures: those are refused below
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(*image.size)
            animated = image.format in MOVING and image.is_animated
            image.load()
            if _is_cut_short(data):
                raise InvalidPhotoError(ENDS_EARLY)
            pixels = _to_rgb(_upright(image))
        except InvalidPhotoError:
            raise
        except Image.DecompressionBombError:
            raise InvalidPhotoError(f"it has far more than {LIMIT} megapixels; {EXPORT_SMALLER}") from None
        except DAMAGED as error:
            raise InvalidPhotoError(_what_else(data, error)) from None
    return Photo(pixels, hashlib.sha256(data).hexdigest(), animated)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InvalidPhotoError(f"it has {_above(width * height / 1e6)} megapixels; {EXPORT_SMALLER}")
    if min(width, height) < MIN_SIDE_PX:
        least = f"both sides must be at least {MIN_SIDE_PX} px"
        raise InvalidPhotoError(f"it is {width} x {height} px; {least}. Use the original photo.")


def _is_cut_short(data: bytes) -> bool:
    """Whether a JPEG's end is zeros where pictures end with a marker: a download that stopped, or a card that failed.

    Such a file has its full size, so the decoder paints the rest grey without a complaint.
    """
    return data.startswith(b"\xff\xd8") and not any(data[-64:]) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def _what_else(data: bytes, error: Exception) -> str:
    """Names what came instead of a photo, as far as its first bytes tell."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "it is in the iPhone's HEIC format. Set Camera > Formats > Most Compatible, or export it as JPEG."
    if data.startswith(b"%PDF"):
        return "it is a PDF, not a picture. Choose a JPEG, PNG or WebP."
    if _is_text(data[:512]):
        return "it is not a picture (it contains text). Choose a JPEG, PNG or WebP."
    if data.startswith(PHOTO_STARTS) or data[:4] + data[8:12] == b"RIFFWEBP":
        return _why(error)
    return "it is not a picture I can read. Choose a JPEG, PNG or WebP."


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)


def _why(error: Exception) -> str:
    words = ("truncated", "not processed", "unexpected end")
    if isinstance(error, EOFError | IndexError) or any(word in str(error).lower() for word in words):
        return ENDS_EARLY
    return "the file is damaged. Copy it again from the camera."


def _too_large(size: int) -> str:
    return f"it has {_above(size / 1e6)} MB; {EXPORT_SMALLER}"


def _above(number: float) -> str:
    """A number above the limit, so rounded that it still reads as above it."""
    return f"{number:.0f}" if number >= LIMIT + 1 else f"{max(number, LIMIT + 0.1):.1f}"


def _upright(image: Image.Image) -> Image.Image:
    turn = UPRIGHT.get(image.getexif().get(EXIF_ORIENTATION))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        return _deep_to_rgb(np.asarray(image), image.mode)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.ascontiguousarray(image.convert("RGB"))


def _deep_to_rgb(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey values of more than 8 bits, scaled (Pillow's own conversion clips them to white)."""
    values = np.nan_to_num(values.astype(np.float32))
    if mode.startswith("I;16"):
        top = 65535.0
    else:  # 32 bits: the range is not written down, so the smallest usual one that holds the values
        top = next((top for top in (1.0, 255.0, 65535.0) if values.max() <= top), float(values.max()))
    grey = np.clip(values / top * 255, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
