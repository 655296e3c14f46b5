"""JPEG markers: decoding work, completeness, and removal of metadata."""

import re
import struct
from collections.abc import Iterator

from hvit.data.image_formats.decoding_work import BUDGET_PX, SCAN_SHARE, DecodingWork
from hvit.data.photo_limits import check_sides

SCAN_PX, SEGMENT_PX, JUNK_PX = 2000, 400, 30  # a scan, a marker segment, a byte that belongs to none
ARITHMETIC_WEIGHT = 4  # arithmetic coding against Huffman coding

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not: a stuffed byte, a fill byte, a restart
FILL = re.compile(rb"\xff+")
STANDALONE = frozenset({0x00, 0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})  # markers without a length
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
EOI, SOS, APP1, APP2 = 0xD9, 0xDA, 0xE1, 0xE2
METADATA = frozenset({APP1, *range(0xE3, 0xEE), 0xEF, 0xFE})  # not JFIF, ICC profile and Adobe: colors depend on them
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


def jpeg_without_metadata(work: DecodingWork, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Removes segments that do not change the pixels, and adds pixels, scans and segments to the work.

    Pillow reads metadata in Python, which can take longer than the photo, and copies it many times.

    Returns:
        The JPEG, its EXIF and its XMP. A damaged one comes back as it is, for the decoder to refuse.
    Raises:
        InvalidPhotoError: its size is none that is read, or it is too much work.
    """
    kept, exif, xmp, frame = [data[:2]], [], b"", None
    for marker, start, stop in _header_segments(work, data):
        if marker == SOS and frame is not None:
            _count_scans(work, data, *frame, start - 4)
            return b"".join([*kept, data[start - 4 :]]), b"".join(exif), xmp
        if marker in FRAMES:
            frame = marker, data[start:stop]
        if marker == APP1 and data.startswith(EXIF, start):
            exif.append(data[start + len(EXIF) : stop])
        elif marker == APP1 and data.startswith(XMP, start):
            xmp = data[start:stop]
        if marker not in METADATA and (marker != APP2 or data.startswith(ICC, start)):
            kept.append(data[start - 4 : stop])
    return data, b"", b""


def _header_segments(work: DecodingWork, data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields marker, start and stop of each segment up to the first scan of a JPEG."""
    at = 2
    while found := FILL.search(data, at):
        stop = found.end()
        work.add(JUNK_PX * (stop - at - 1), "junk between its markers")
        if stop == len(data):
            return
        marker, at = data[stop], stop + 1
        work.add(SEGMENT_PX, "too many markers")
        if marker in STANDALONE:
            continue
        if (length := int.from_bytes(data[at : at + 2])) < 2:
            return
        yield marker, at + 2, at + length
        if marker == SOS:
            return
        at += length


def _count_scans(work: DecodingWork, data: bytes, marker: int, frame: bytes, at: int) -> None:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return
    _, height, width, num_components = struct.unpack(">BHHB", frame[:6])
    check_sides(width, height)
    areas = {frame[i]: (frame[i + 1] >> 4) * (frame[i + 1] & 15) for i in range(6, 6 + 3 * num_components, 3)}
    total, pixels = max(1, sum(areas.values())), width * height
    weight = ARITHMETIC_WEIGHT if marker > 0xC8 else 1
    work.add(weight * pixels, f"{pixels / 1e6:,.1f} megapixels in arithmetic coding")
    scans = (start for marker, start in _body_markers(data, at) if marker == SOS)
    for number, start in enumerate(scans):
        components = data[start + 3 : start + 3 + 2 * data[start + 2] : 2] if start + 2 < len(data) else b""
        if number == 0 and marker not in PROGRESSIVE and len(components) == num_components:
            return  # all components in one scan: decoding ends with it
        share = sum(areas.get(component, 0) for component in components) / total
        cost = SCAN_PX + weight * SCAN_SHARE * share * pixels
        what = "scans"
        if work.pixels + cost > BUDGET_PX:  # only now are they counted to the end
            num_scans = data.count(bytes([0xFF, SOS]), at)
            what = f"{num_scans:,} scans of {pixels / 1e6:,.1f} megapixels"
        work.add(cost, what)


def _body_markers(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yields the markers from the first scan of a JPEG at `at` to its end, with the offsets after them."""
    while found := MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        yield marker, at
        if marker == EOI:
            return
        if marker not in STANDALONE:
            at += max(2, int.from_bytes(data[at : at + 2]))


def is_jpeg_complete(data: bytes) -> bool:
    """Whether a JPEG has its end marker; data after it (the video of a motion photo) is ignored."""
    first = next((start - 4 for marker, start, _ in _header_segments(DecodingWork(), data) if marker == SOS), None)
    return first is not None and any(marker == EOI for marker, _ in _body_markers(data, first))
