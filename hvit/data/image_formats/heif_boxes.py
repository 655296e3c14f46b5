"""Decoding work of an HEIC, HEIF or AVIF file, from its boxes (ISO/IEC 14496-12 and 23008-12) and stream headers.

The size in the boxes may be small while the parts, or the streams in them, are large or repeat one large image many
times. A decoder would process all of them first.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from hvit.data.image_formats.decoding_work import CHUNK_PX, DecodingWork, metadata_work
from hvit.data.image_formats.video_headers import BitsEndError, av1_pictures, hevc_pictures, hevc_sides_of_config
from hvit.data.invalid_photo import InvalidPhotoError

CODED, DERIVED = (b"hvc1", b"av01"), (b"grid", b"iovl", b"iden")
MOST_DEEP = 4
STREAM_PX = 0.8  # a byte of a stream: one of 50 megapixels in 40 MB takes four times as long as a JPEG


class BrokenBoxesError(ValueError):
    """Truncated boxes, or invalid or circular references."""


@dataclass
class Item:
    """An item of the file: an image or metadata.

    Attributes:
        kind: four letters, such as `hvc1`, `grid` or `Exif`.
        sides: largest width and height in its properties, in pixels.
        parts: items that it is made of, as often as they are used.
        alphas: items with its transparency.
        extents: start and stop of its bytes.
        nal_bytes: length of the length before each unit of an HEVC stream.
    """

    kind: bytes = b""
    sides: tuple[int, int] = (0, 0)
    parts: list[int] = field(default_factory=list)
    alphas: list[int] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)
    nal_bytes: int = 4


def heif_work(work: DecodingWork, data: bytes) -> None:
    """Adds the pixels of all images that the primary item is composed of, and of all frames in their streams.

    Raises:
        InvalidPhotoError: it is too much.
        BrokenBoxesError: the boxes are damaged.
    """
    try:
        meta = next((body for kind, body in _boxes(work, data, 0, len(data)) if kind == b"meta"), None)
        if meta is None:
            return  # a video without a still image: left to the decoder
        items, primary = _read_items(work, data, meta)
        for item in items.values():
            if item.kind == b"Exif":
                content = b"".join(data[start:stop] for start, stop in item.extents)
                metadata_work(work, content[4 + int.from_bytes(content[:4]) :])
        _count(work, data, items, primary, 0)
    except (struct.error, IndexError, BitsEndError) as error:
        raise BrokenBoxesError("a box or a header ends too early") from error


def _count(work: DecodingWork, data: bytes, items: dict[int, Item], number: int, depth: int) -> None:
    item = items.get(number)
    if item is None or depth > MOST_DEEP:
        raise BrokenBoxesError(f"item {number} is missing, or part of itself")
    if item.kind in CODED:
        content = b"".join(data[start:stop] for start, stop in item.extents)
        if item.kind == b"hvc1":
            frames, sides = hevc_pictures(content, item.nal_bytes)
        else:
            frames, sides = av1_pictures(content)
        width, height = (max(pair) for pair in zip(item.sides, sides))
        megapixels = f"{width * height / 1e6:,.0f} megapixels"
        told = f"{frames:,} pictures of {megapixels} in place of one" if frames > 1 else f"parts of {megapixels} each"
        work.add(STREAM_PX * len(content) + max(1, frames) * width * height, told)
    elif item.kind not in DERIVED:
        raise InvalidPhotoError("it holds a picture of a kind I cannot read. Export it as JPEG.")
    for part in [*item.parts, *item.alphas]:
        work.add(CHUNK_PX, "too many parts")
        _count(work, data, items, part, depth + 1)


def _boxes(work: DecodingWork, data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yields type, start and stop of the content of each box in a range."""
    while at + 8 <= end:
        work.add(CHUNK_PX, "too many boxes")
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        stop = end if size == 0 else min(end, at + size)
        if stop < start:
            raise BrokenBoxesError(f"box {kind} is shorter than its header")
        yield kind, (start, stop)
        at = stop


def _read_items(work: DecodingWork, data: bytes, meta: tuple[int, int]) -> tuple[dict[int, Item], int]:
    """Items of the file by id, and the id of the primary one."""
    items, primary = {}, 0
    boxes = dict(_boxes(work, data, meta[0] + 4, meta[1]))
    if b"iinf" in boxes:
        items = dict(_kinds(work, data, *boxes[b"iinf"]))
    if b"pitm" in boxes:
        start, _ = boxes[b"pitm"]
        (primary,) = struct.unpack_from(">I" if data[start] else ">H", data, start + 4)
    if b"iref" in boxes:
        _take_references(work, data, *boxes[b"iref"], items)
    if b"iloc" in boxes:
        base = boxes[b"idat"][0] if b"idat" in boxes else 0
        _take_extents(work, data, *boxes[b"iloc"], items, base)
    if b"iprp" in boxes:
        _take_properties(work, data, *boxes[b"iprp"], items)
    return items, primary


def _kinds(work: DecodingWork, data: bytes, start: int, stop: int) -> Iterator[tuple[int, Item]]:
    for kind, (at, _) in _boxes(work, data, start + (8 if data[start] else 6), stop):
        if kind == b"infe" and data[at] >= 2:
            number, _, name = struct.unpack_from(">HH4s" if data[at] == 2 else ">IH4s", data, at + 4)
            yield number, Item(name)


def _take_references(work: DecodingWork, data: bytes, start: int, stop: int, items: dict[int, Item]) -> None:
    code, width = (">I", 4) if data[start] else (">H", 2)
    for kind, (at, _) in _boxes(work, data, start + 4, stop):
        (source,) = struct.unpack_from(code, data, at)
        (count,) = struct.unpack_from(">H", data, at + width)
        targets = struct.unpack_from(f">{count}{code[1]}", data, at + width + 2)
        if kind == b"dimg" and source in items:
            items[source].parts += targets
        elif kind == b"auxl":
            for target in targets:
                if target in items:
                    items[target].alphas.append(source)  # all kinds, until the properties are known


def _take_extents(work: DecodingWork, data: bytes, start: int, stop: int, items: dict[int, Item], idat: int) -> None:
    version, sizes, more = data[start], data[start + 4], data[start + 5]
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes >> 4, sizes & 15, more >> 4, more & 15
    at = start + 6
    (count,) = struct.unpack_from(">I" if version == 2 else ">H", data, at)
    at += 4 if version == 2 else 2
    for _ in range(count):
        (number,) = struct.unpack_from(">I" if version == 2 else ">H", data, at)
        at += 4 if version == 2 else 2
        method = 0
        if version:
            method, at = data[at + 1] & 15, at + 2
        at += 2
        base = int.from_bytes(data[at : at + base_bytes]) + (idat if method == 1 else 0)
        at += base_bytes
        (num_extents,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(num_extents):
            work.add(CHUNK_PX, "too many parts")
            at += index_bytes if version else 0
            first = base + int.from_bytes(data[at : at + offset_bytes])
            at += offset_bytes
            length = int.from_bytes(data[at : at + length_bytes])
            at += length_bytes
            if number in items:
                items[number].extents.append((first, first + length if length else len(data)))
                work.add(min(length, len(data)) / 100, "parts that overlap")


def _take_properties(work: DecodingWork, data: bytes, start: int, stop: int, items: dict[int, Item]) -> None:
    properties, alphas = [], set()
    for kind, (at, end) in _boxes(work, data, start, stop):
        if kind == b"ipco":
            properties = list(_boxes(work, data, at, end))
        elif kind == b"ipma":
            for number, index in _associations(work, data, at):
                if number in items and 0 < index <= len(properties):
                    _take_property(data, items[number], *properties[index - 1])
                    name, (first, last) = properties[index - 1]
                    if name == b"auxC" and b"alpha" in data[first:last] or data[first:last].endswith(b"auxid:1\0"):
                        alphas.add(number)
    for item in items.values():
        item.alphas = [number for number in item.alphas if number in alphas]


def _take_property(data: bytes, item: Item, kind: bytes, place: tuple[int, int]) -> None:
    start, stop = place
    sides = (0, 0)
    if kind == b"ispe":
        sides = struct.unpack_from(">II", data, start + 4)
    elif kind == b"hvcC":
        item.nal_bytes = (data[start + 21] & 3) + 1
        sides = hevc_sides_of_config(data[start:stop])
    item.sides = max(item.sides[0], sides[0]), max(item.sides[1], sides[1])


def _associations(work: DecodingWork, data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yields item id and 1-based property index of each association."""
    is_long, is_wide = data[start] > 0, data[start + 3] & 1
    (count,) = struct.unpack_from(">I", data, start + 4)
    at = start + 8
    for _ in range(count):
        (number,) = struct.unpack_from(">I" if is_long else ">H", data, at)
        at += 4 if is_long else 2
        num, at = data[at], at + 1
        for _ in range(num):
            work.add(CHUNK_PX, "too many properties")
            index = int.from_bytes(data[at : at + 1 + is_wide]) & (0x7FFF if is_wide else 0x7F)
            at += 1 + is_wide
            yield number, index
