"""Detects the format of a file from its first bytes, or explains what it is instead of a photo."""

import codecs

from hvit.data.image_formats import tiff_header
from hvit.data.invalid_photo import InvalidPhotoError

CHOOSE = "Choose a JPEG, PNG, WebP or HEIC."
TIFF_STARTS = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"II+\0", b"MM\0+")
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
CONTAINER_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"miaf", b"heif"})  # the others in the list decide
FILM_BRANDS = frozenset({b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"3gp4", b"3gp5"})
# Camera raw files that are no TIFF, or one with a mark of its own.
RAW_STARTS = {
    b"IIRO": "ORF", b"IIRS": "ORF", b"MMOR": "ORF", b"IIU\0": "RW2", b"FUJIFILMCCD-RAW": "RAF", b"FOVb": "X3F",
    b"\0MRM": "MRW",
}  # fmt: skip
OTHERS = {
    b"%PDF": "a PDF", b"PK\3\4": "a ZIP archive, or a document that is one", b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x1f\x8b": "a gzip archive", b"8BPS": "a Photoshop file",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture", b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\xff\x0a": "a JPEG XL picture", b"\0\0\0\x0cJXL ": "a JPEG XL picture", b"\x1aE\xdf\xa3": "a film",
    b"RIFF": "a film or a sound",
}  # fmt: skip


def format_of(data: bytes) -> str:
    """Pillow's name of the format of a photo, by its content: JPEG, PNG, GIF, BMP, WEBP, TIFF, HEIF or AVIF.

    Raises:
        InvalidPhotoError: it is another format, such as camera raw; the message says which and what to do.
    """
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(b"\x89PNG"):
        return "PNG"
    if data.startswith(b"GIF8"):
        return "GIF"
    if data[:4] + data[8:12] == b"RIFFWEBP":
        return "WEBP"
    if kind := next((kind for start, kind in RAW_STARTS.items() if data.startswith(start)), None):
        raise InvalidPhotoError(_raw(kind))
    if data.startswith(TIFF_STARTS):
        if kind := tiff_header.raw_kind(data):
            raise InvalidPhotoError(_raw(kind))
        return "TIFF"
    if data[4:8] == b"ftyp":
        return _container_format(data)
    if data.startswith(b"BM") and not _is_text(data[:512]):
        return "BMP"
    raise InvalidPhotoError(_what_else(data))


def _raw(kind: str) -> str:
    if kind == "raw":
        return "it is a camera raw file, or its first picture is only a small preview of another. Export it as JPEG."
    return f"it is a camera raw file ({kind}). Export it as JPEG."


def _container_format(data: bytes) -> str:
    """Detects HEIF or AVIF by the brands at the start of an ISO base media file."""
    stop = min(int.from_bytes(data[:4]), 512)
    major, others = data[8:12], {data[i : i + 4] for i in range(16, stop - 3, 4)}
    if major in HEIF_BRANDS or (major in CONTAINER_BRANDS and others & HEIF_BRANDS):
        return "HEIF"
    if major in AVIF_BRANDS or (major in CONTAINER_BRANDS and others & AVIF_BRANDS):
        return "AVIF"
    if major == b"crx ":
        raise InvalidPhotoError(_raw("CR3"))
    if major in CONTAINER_BRANDS:
        return "HEIF"
    if major in FILM_BRANDS:
        raise InvalidPhotoError(f"it is a film, not a photo. {CHOOSE}")
    raise InvalidPhotoError(f"it is not a picture I can read. {CHOOSE}")


def _what_else(data: bytes) -> str:
    for start, kind in OTHERS.items():
        if data.startswith(start):
            return f"it is {kind}, not a picture I can read. {CHOOSE}"
    if _is_text(data[:512]):
        return f"it is not a picture (it contains text). {CHOOSE}"
    return f"it is not a picture I can read. {CHOOSE}"


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
