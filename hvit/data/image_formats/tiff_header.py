"""Reads the first IFD of TIFF and EXIF, and detects camera raw files, which are TIFFs."""

import struct
from collections.abc import Iterator

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
MOST_VALUES = 1000  # read of one entry

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
MAKE, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, PLANAR = 271, 273, 274, 277, 278, 284
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, DNG_VERSION = 322, 323, 324, 50706
SAMPLE_FORMAT, PLANES, UNCOMPRESSED = 339, 2, 1
SAMPLE_FORMATS = {2: "signed ", 3: "floating-point "}
REDUCED = 1  # NewSubfileType: a smaller version of another picture in the file

# TIFFs of cameras by the name of their maker.
RAW_OF_MAKERS = {
    "nikon": "NEF", "sony": "ARW", "pentax": "PEF", "ricoh": "PEF", "samsung": "SRW", "hasselblad": "3FR",
    "phase one": "IIQ", "leaf": "MOS", "mamiya": "MEF", "epson": "ERF", "kodak": "DCR", "eastman kodak": "DCR",
    "canon": "CR2", "leica": "RWL",
}  # fmt: skip
RAW_COMPRESSIONS = {34713: "NEF", 32767: "ARW", 65535: "PEF", 65000: "DCR", 34316: "RW2"}
SENSOR_DATA = (32803, 34892)  # PhotometricInterpretation: color filter array, linear raw


def ifd_entries(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yields tag, type, count, size in bytes and offset of the value of each entry of the first IFD.

    Reads classic TIFF and BigTIFF in both byte orders; of what is damaged, as many entries as there are.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return
    is_big = 43 in (data[2], data[3])
    head, entry, inline = ("Q", "HHQ8s", 8) if is_big else ("H", "HHI4s", 4)
    (at,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, 8 if is_big else 4)
    if at + struct.calcsize(head) > len(data):
        return
    (num,) = struct.unpack_from(f"{order}{head}", data, at)
    at += struct.calcsize(head)
    step = struct.calcsize(f"{order}{entry}")
    for start in range(at, min(at + num * step, len(data) - step + 1), step):
        tag, kind, count, _ = struct.unpack_from(f"{order}{entry}", data, start)
        size, place = count * TYPE_SIZES.get(kind, 1), start + step - inline
        if size > inline:
            (place,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, place)
        yield tag, kind, count, size, place


def first_ifd(data: bytes) -> dict[int, tuple[int, ...] | bytes]:
    """Values of the first IFD by tag: integers (at most 1,000 of an entry), otherwise bytes."""
    values: dict[int, tuple[int, ...] | bytes] = {}
    order = ">" if data[:2] == b"MM" else "<"
    for tag, kind, count, size, place in ifd_entries(data):
        code = INTEGERS.get(kind)
        if code is None or kind == 1 and tag not in (BITS, ORIENTATION):
            values[tag] = data[place : place + min(size, MOST_VALUES)]
        elif 0 < (num := min(count, MOST_VALUES, (len(data) - place) // TYPE_SIZES[kind])):
            values[tag] = struct.unpack_from(f"{order}{num}{code}", data, place)
    return values


def exif_orientation(exif: bytes) -> int | None:
    """Orientation tag of EXIF, 1 to 8 where it is valid; None where it is missing."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    value = first_ifd(exif).get(ORIENTATION)
    return value[0] if isinstance(value, tuple) else None


def raw_kind(data: bytes) -> str | None:
    """Detects the camera raw format of a TIFF, as its usual extension in capitals; None for other TIFFs.

    The first picture of such a file is a preview; the photo itself lies in a part that only a raw converter reads.
    "raw" where the first picture is a preview and the kind is not known.
    """
    if data[8:10] == b"CR":
        return "CR2"
    ifd = first_ifd(data)
    if DNG_VERSION in ifd:
        return "DNG"
    value = ifd.get(MAKE, b"")
    make = value.decode("latin-1").strip("\0 ").lower() if isinstance(value, bytes) else ""
    maker = next((kind for name, kind in RAW_OF_MAKERS.items() if make.startswith(name)), None)
    compression, photometric = first_number(ifd, COMPRESSION, 1), first_number(ifd, PHOTOMETRIC, 0)
    if compression in RAW_COMPRESSIONS or photometric in SENSOR_DATA:
        return maker or RAW_COMPRESSIONS.get(compression, "raw")
    if first_number(ifd, SUBFILE_TYPE, 0) & REDUCED:
        return maker or "raw"
    return None


def sample_kind(data: bytes) -> str | None:
    """Describes the samples of a TIFF, `3 x 32-bit floating-point values`; None where the header is damaged."""
    ifd = first_ifd(data)
    bits = ifd.get(BITS)
    if WIDTH not in ifd or HEIGHT not in ifd or not isinstance(bits, tuple):
        return None
    number = max(first_number(ifd, SAMPLES, 1), len(bits))
    kind = SAMPLE_FORMATS.get(first_number(ifd, SAMPLE_FORMAT, 1), "")
    planes = " in planes" if first_number(ifd, PLANAR, 1) == PLANES else ""
    return f"{number} x {bits[0]}-bit {kind}values{planes}"


def first_number(ifd: dict[int, tuple[int, ...] | bytes], tag: int, default: int) -> int:
    """First value of an integer entry; `default` where there is none."""
    value = ifd.get(tag)
    return value[0] if isinstance(value, tuple) else default
