"""Estimates the work of decoding a photo from its header and markers, as protection from decompression bombs.

The unit is one pixel of a baseline JPEG (about 10 ns). The limit is the cost of the
largest accepted photo: otherwise a small file could take hours. It does not depend on time, so that a file is accepted
on all machines or on none. Weights were measured with Pillow 12 and are rounded up.
"""

import struct

from hvit.data.image_formats import tiff_header
from hvit.data.image_formats.tiff_header import first_ifd, first_number, ifd_entries, sample_kind
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photo_limits import LIMIT, MAX_PIXELS, check_sides

BUDGET_PX = 1.2 * MAX_PIXELS  # a photo of the largest size, and its metadata

SCAN_SHARE = 0.18  # of a full decode, for a scan over all components of a JPEG: ten of them cost twice as much
ENTRY_PX, VALUE_PX = 200, 0.02  # a directory entry of EXIF or TIFF; a byte of its value, which is copied
CHUNK_PX, BLOCK_PX = 800, 100  # a chunk of PNG or WebP, a block of GIF
RUN_PX, RLE_PX = 20, 10  # a byte and a pixel of a run-length encoded BMP, which Pillow decodes in Python
STRIP_PX = 200  # a strip or tile of TIFF
TIFF_WEIGHTS = {34925: 5, 34887: 2, 50001: 3, 50002: 3}  # LZMA, LERC, WebP, JPEG XL against LZW and Deflate
JPEG_IN_TIFF, START_OF_SCAN = (6, 7), b"\xff\xda"


class DecodingWork:
    """Accumulates the decoding work of one file, up to a budget."""

    def __init__(self) -> None:
        self.pixels = 0.0

    def add(self, pixels: float, what: str) -> None:
        """Adds work equal to `pixels` of a baseline JPEG.

        Raises:
            InvalidPhotoError: the file costs too much; says that it "has `what`".
        """
        self.pixels += pixels
        if self.pixels > BUDGET_PX:
            raise InvalidPhotoError(
                f"it has {what}: more to decode than {LIMIT} megapixels of plain JPEG. Export it as a plain JPEG."
            )


def metadata_work(work: DecodingWork, exif: bytes) -> None:
    """Adds the entries of EXIF, whose values may all refer to the same large range."""
    for _, _, _, size, _ in ifd_entries(exif.removeprefix(b"Exif\0\0")):
        work.add(ENTRY_PX + VALUE_PX * size, "entries of metadata without end")


def gif_work(work: DecodingWork, data: bytes) -> None:
    """Adds the blocks of a GIF up to its second frame, which Pillow reads to detect an animation."""
    check_sides(*struct.unpack("<HH", data[6:10].ljust(4, b"\0")))
    at, frames = 13 + _palette_bytes(data[10:11]), 0
    while frames < 2 and at < len(data) and data[at : at + 1] in (b"!", b","):
        is_comment = data[at : at + 2] == b"!\xfe"
        if data[at : at + 1] == b",":
            frames += 1
            width, height = struct.unpack("<HH", data[at + 5 : at + 9].ljust(4, b"\0"))
            work.add(width * height if frames == 1 else 0, f"{width * height / 1e6:,.0f} megapixels")
            at += 11 + _palette_bytes(data[at + 9 : at + 10])
        else:
            at += 2
        num_blocks = 0
        while at < len(data) and data[at]:
            num_blocks += 1
            # Pillow copies a comment anew with every block of it.
            work.add(BLOCK_PX * (1 + num_blocks / 20 * is_comment), "too many blocks")
            at += 1 + data[at]
        at += 1


def _palette_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def webp_work(work: DecodingWork, data: bytes) -> None:
    """Adds the chunks of a WebP; every image in it has at most the size in its header."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        work.add(CHUNK_PX, "too many chunks")
        if at == 12 and data[at : at + 4] == b"VP8X":
            sides = (1 + int.from_bytes(data[i : i + 3], "little") for i in (at + 12, at + 15))
            check_sides(*sides)
        elif at == 12 and data[at : at + 4] == b"VP8L":
            packed = int.from_bytes(data[at + 9 : at + 13], "little")
            check_sides(1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF))
        elif at == 12 and data[at : at + 4] == b"VP8 ":
            check_sides(*(int.from_bytes(data[i : i + 2], "little") & 0x3FFF for i in (at + 14, at + 16)))
        at += 8 + size + size % 2


def bmp_work(work: DecodingWork, data: bytes) -> None:
    """Adds the bytes and pixels of a run-length encoded BMP."""
    is_old, sides = data[14:18] == b"\x0c\0\0\0", data[18:26].ljust(8, b"\0")
    width, height = struct.unpack("<HH", sides[:4]) if is_old else struct.unpack("<ii", sides)
    check_sides(abs(width), abs(height))
    if not is_old and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        work.add(RUN_PX * len(data) + RLE_PX * abs(width * height), "too many run-length encoded pixels")


def tiff_work(work: DecodingWork, data: bytes) -> None:
    """Adds the entries of a TIFF's first directory, its strips or tiles, and their pixels."""
    counts = {}
    for tag, _, count, size, _ in ifd_entries(data):
        work.add(ENTRY_PX + VALUE_PX * size, "entries without end")
        counts[tag] = count
    ifd = first_ifd(data)
    width, height = first_number(ifd, tiff_header.WIDTH, 0), first_number(ifd, tiff_header.HEIGHT, 0)
    if not width or not height:
        return  # damaged: the decoder says so
    samples = max(first_number(ifd, tiff_header.SAMPLES, 1), counts.get(tiff_header.BITS, 1))
    bits = first_number(ifd, tiff_header.BITS, 1)
    if tiff_header.TILE_OFFSETS in counts:
        tile = first_number(ifd, tiff_header.TILE_WIDTH, 0), first_number(ifd, tiff_header.TILE_HEIGHT, 0)
    else:
        tile = width, min(height, first_number(ifd, tiff_header.ROWS_PER_STRIP, height))
    check_sides(width, height)
    num_parts = max(-(-width // max(1, tile[0])) * -(-height // max(1, tile[1])), 1)
    if first_number(ifd, tiff_header.PLANAR, 1) == tiff_header.PLANES:
        if bits != 8 and first_number(ifd, tiff_header.COMPRESSION, 1) == tiff_header.UNCOMPRESSED:
            # Pillow takes such planes for 8-bit ones, without an error.
            raise InvalidPhotoError(
                f"it is a TIFF of {sample_kind(data)}, which I cannot read. Export it as JPEG or PNG."
            )
        num_parts *= samples
        samples = 1
    offsets = max(counts.get(tiff_header.STRIP_OFFSETS, 0), counts.get(tiff_header.TILE_OFFSETS, 0), num_parts)
    work.add(STRIP_PX * offsets, f"{offsets:,} strips or tiles")
    weight = max(1.0, samples * bits / 32) * TIFF_WEIGHTS.get(first_number(ifd, tiff_header.COMPRESSION, 1), 1)
    pixels = num_parts * tile[0] * tile[1]
    work.add(weight * pixels, f"{pixels / 1e6:,.0f} megapixels of {samples} x {bits} bits")
    if first_number(ifd, tiff_header.COMPRESSION, 1) in JPEG_IN_TIFF:
        scans = data.count(START_OF_SCAN) / num_parts
        work.add(SCAN_SHARE * max(0.0, scans - 1) * pixels, f"{scans:,.0f} scans of {pixels / 1e6:,.0f} megapixels")
