"""Sizes in the page headers of Parquet files, read before any page is decompressed.

The footer declares the uncompressed size of each column chunk, but readers allocate the size in the header of each
page, and the two can differ. Headers are Thrift structs in the compact protocol.
Source: Apache Parquet format, https://parquet.apache.org/docs/file-format, and the Thrift compact protocol.
"""

from hvit.untrusted.files import UntrustedFileError

UNPACKED_SIZE, PACKED_SIZE = 2, 3  # fields of PageHeader
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, _LIST, _SET, _MAP, STRUCT = range(1, 13)  # types of values
MAX_NESTED = 8  # structs within structs; a page header has three
MAX_PAGES = 1_000_000
DAMAGED = "are damaged: the header of a page cannot be read"


def unpacked_bytes(data: bytes, start: int, size: int) -> int:
    """Sum of the uncompressed sizes in the page headers of a column chunk.

    Args:
        data: the file.
        start, size: of the chunk, headers included.
    Raises:
        UntrustedFileError: the chunk is outside of the file, or a header is damaged.
    """
    end = start + size
    if not 4 <= start <= end <= len(data):
        raise UntrustedFileError("are damaged: a column lies outside the file")
    total, at, pages = 0, start, 0
    while at < end:
        fields, at = _integers(data, at, end)
        unpacked, packed = fields.get(UNPACKED_SIZE, -1), fields.get(PACKED_SIZE, -1)
        pages += 1
        if min(unpacked, packed) < 0 or at + packed > end or pages > MAX_PAGES:
            raise UntrustedFileError(DAMAGED)
        total, at = total + unpacked, at + packed
    return total


def _integers(data: bytes, at: int, end: int, depth: int = 0) -> tuple[dict[int, int], int]:
    """Integer fields of a Thrift struct by field number, and its end; other fields are skipped."""
    if depth > MAX_NESTED:
        raise UntrustedFileError(DAMAGED)
    found: dict[int, int] = {}
    number = 0
    while True:
        head, at = _byte(data, at, end)
        if head == 0:
            return found, at
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at, end)
        kind = head & 15
        if kind in (I16, I32, I64):
            found[number], at = _zigzag(data, at, end)
        else:
            at = _skipped(data, at, end, kind, depth)


def _skipped(data: bytes, at: int, end: int, kind: int, depth: int) -> int:
    """End of a value that is not needed."""
    if kind in (TRUE, FALSE):  # as fields they are in the type itself
        return at
    if kind == BYTE:
        return _byte(data, at, end)[1]
    if kind in (I16, I32, I64):
        return _varint(data, at, end)[1]
    if kind == DOUBLE:
        return at + 8
    if kind == BINARY:
        length, at = _varint(data, at, end)
        return at + length
    if kind == STRUCT:
        return _integers(data, at, end, depth + 1)[1]
    raise UntrustedFileError(DAMAGED)  # no page header holds lists, sets or maps


def _byte(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise UntrustedFileError(DAMAGED)
    return data[at], at + 1


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        part, at = _byte(data, at, end)
        value |= (part & 127) << shift
        if part < 128:
            return value, at
    raise UntrustedFileError(DAMAGED)


def _zigzag(data: bytes, at: int, end: int) -> tuple[int, int]:
    value, at = _varint(data, at, end)
    return (value >> 1) ^ -(value & 1), at
