"""Bytes of a file to an upright RGB photo, or a sentence that says why not."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
MIN_SIDE_PX = 64


class InvalidPhotoError(ValueError):
    """A file that is not a readable photo; the message is for people and does not hold the file's name."""


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


def find_photos(folder: Path) -> list[Path]:
    """Files below a folder that end like a photo's, whatever the case, sorted by path."""
    return sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_photo(path: Path) -> Photo:
    """Decodes a file; see `decode_photo`.

    Raises:
        InvalidPhotoError: it cannot be read, or is not a photo.
    """
    try:
        size = Path(path).stat().st_size
        data = b"" if size > MAX_BYTES else Path(path).read_bytes()
    except OSError as error:
        raise InvalidPhotoError(f"the file cannot be opened: {error.strerror}.") from None
    if size > MAX_BYTES:
        raise InvalidPhotoError(_too_large(size))
    return decode_photo(data)


def decode_photo(data: bytes) -> Photo:
    """Decodes a JPEG, PNG, WebP, GIF, BMP or TIFF of 64 px to 50 megapixels and at most 50 MB.

    The kind is told by content, not by name. Grey, palette, CMYK, 16-bit (scaled) and transparent photos (on white) become
    RGB, EXIF orientation is applied, and of an animation the first frame is taken. Sizes are judged by the header, before
    anything is decoded.

    Raises:
        InvalidPhotoError: with one sentence that says why.
    """
    if not data:
        raise InvalidPhotoError("it is empty (0 bytes). Copy it again.")
    if len(data) > MAX_BYTES:
        raise InvalidPhotoError(_too_large(len(data)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warning of large pictures: they are refused below
        image = _opened(data)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise InvalidPhotoError(
                f"it has {_megapixels(width * height)} megapixels; the limit is 50. Export it smaller."
            )
        if min(width, height) < MIN_SIDE_PX:
            raise InvalidPhotoError(
                f"it is {width} x {height} px; both sides must be at least {MIN_SIDE_PX} px. Use the original photo."
            )
        animated = getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "WEBP", "PNG")
        try:
            image.load()
            pixels = _to_rgb(ImageOps.exif_transpose(image))
        except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
            raise InvalidPhotoError(_why(error)) from None
    return Photo(pixels, hashlib.sha256(data).hexdigest(), animated)


def _opened(data: bytes) -> Image.Image:
    """The header of a picture."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise InvalidPhotoError("it has far more than 50 megapixels; the limit is 50. Export it smaller.") from None
    except (OSError, SyntaxError, ValueError, OverflowError, EOFError) as error:
        raise InvalidPhotoError(_what_else(data, error)) from None


def _what_else(data: bytes, error: Exception) -> str:
    """Names what came instead of a photo, as far as its first bytes tell."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"hevc", b"msf1"):
        return "it is in the iPhone's HEIC format. Set Camera > Formats > Most Compatible, or export it as JPEG."
    if data.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*", b"MM\x00*")):
        return _why(error)
    if data.startswith(b"%PDF"):
        return "it is a PDF, not a picture. Choose a JPEG, PNG or WebP."
    head = data[:512]
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return "it is not a picture (it contains text). Choose a JPEG, PNG or WebP."
    return "it is not a picture I can read. Choose a JPEG, PNG or WebP."


def _why(error: Exception) -> str:
    text = str(error).lower()
    if (
        "truncated" in text
        or "not processed" in text
        or "unexpected end" in text
        or isinstance(error, EOFError | IndexError)
    ):
        return "the file ends too early. Copy it again from the camera."
    return "the file is damaged. Copy it again from the camera."


def _too_large(size: int) -> str:
    return f"it has {size / 1e6:.0f} MB; the limit is 50. Export it smaller."


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}" if pixels >= 50.5e6 else f"{pixels / 1e6:.1f}"


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        return _deep_to_rgb(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.ascontiguousarray(image.convert("RGB"))


def _deep_to_rgb(values: np.ndarray) -> np.ndarray:
    """Grey values of more than 8 bits, scaled (Pillow's own conversion clips them to white)."""
    values = values.astype(np.float64)
    top = 65535.0 if values.max() > 255 else 255.0 if values.max() > 1 else 1.0
    grey = np.clip(np.nan_to_num(values) / top * 255, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
