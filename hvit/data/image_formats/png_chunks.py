"""PNG chunks: decoding work, and removal of text chunks."""

import struct
import zlib

from hvit.data.image_formats.decoding_work import CHUNK_PX, DecodingWork
from hvit.data.photo_limits import check_sides

KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND"})
TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
TURNED_BY = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")  # texts that may hold the orientation
MAX_TEXT, MAX_INFLATED = 100_000, 1_000_000  # bytes; the second is Pillow's limit
MAX_LOOKED_INTO = 5  # profiles and texts


def png_without_texts(work: DecodingWork, data: bytes) -> bytes:
    """Removes chunks that do not change the pixels, and adds pixels and chunks to the work.

    Pillow inflates every text, and rejects a photo with a long one.
    """
    kept, looked_into, keep_from, at = [data[:8]], 0, 8, 8
    while at + 12 <= len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        work.add(CHUNK_PX, "too many chunks")
        if name == b"IHDR":
            _png_pixels_work(work, data[at + 8 : at + 8 + length])
        stop = at + 12 + length
        may_matter = name == b"iCCP" or (name in TEXTS and data.startswith(TURNED_BY, at + 8))
        looked_into += may_matter
        if name not in KEPT and not (
            may_matter and looked_into <= MAX_LOOKED_INTO and _is_small(name, data[at + 8 : stop - 4])
        ):
            kept.append(data[keep_from:at])
            keep_from = stop
        at = stop
        if name == b"IEND":
            break
    return data if len(kept) == 1 else b"".join([*kept, data[keep_from:]])


def _png_pixels_work(work: DecodingWork, header: bytes) -> None:
    if len(header) < 13:
        return
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    check_sides(width, height)
    channels = {2: 3, 4: 2, 6: 4}.get(color, 1)
    passes = max(1.0, channels * depth / 32) * (1.5 if interlaced else 1.0)
    work.add(passes * width * height, f"{width * height / 1e6:,.0f} megapixels of {channels} x {depth} bits")


def _is_small(name: bytes, body: bytes) -> bool:
    """Whether an ICC profile, or a text that may contain the orientation, is small after decompression."""
    if name == b"iCCP":
        return _inflates_within(body[body.find(b"\0") + 2 :])
    if len(body) > MAX_TEXT:
        return False
    rest = body[body.index(b"\0") + 1 :]
    if name == b"zTXt":
        return _inflates_within(rest[1:])
    if name == b"iTXt" and rest[:1] != b"\0":
        return _inflates_within(rest[2:].split(b"\0", 2)[-1])
    return True


def _inflates_within(compressed: bytes) -> bool:
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(compressed, MAX_INFLATED)
    except zlib.error:
        return False
    return not inflate.unconsumed_tail
