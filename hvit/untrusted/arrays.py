"""Reads NumPy archives, and the header of safetensors files."""

import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from hvit.untrusted.documents import parse_json
from hvit.untrusted.files import MB, UntrustedFileError, open_untrusted, read_bytes, too_large

MAX_DIRECTORY_BYTES = 64 * 1024  # of a zip file, which is read into memory
MAX_MEMBERS = 64
MAX_CHARACTER = 0x10FFFF
MAX_NPY_HEADER = 2000  # bytes
MAX_TENSOR_HEADER_BYTES = 4 * MB
TENSOR_TYPES = ("F16", "BF16", "F32", "F64", "I64")
# As NumPy writes it; its own reader evaluates the text between the braces.
_NPY_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\0..|[\x02\x03]\0....)\{'descr': '(?P<descr>[<>|=]?[a-zA-Z]\d{1,9})', "
    rb"'fortran_order': (?P<fortran>True|False), 'shape': \((?P<shape>(?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n",
    re.DOTALL,
)
_END_RECORD = struct.Struct("<4s4H2LH")  # of the central directory, see the .ZIP File Format Specification, 4.3.16
_ZIP64_LOCATOR = b"PK\x06\x07"


def read_npz(path: Path, names: Collection[str] | None, max_bytes: int) -> dict[str, np.ndarray]:
    """Reads the arrays of a NumPy archive, stored or deflated; nothing is unpickled.

    Args:
        names: arrays to read, all of which must be there; None for all.
        max_bytes: of all arrays, unpacked. Sizes are compared before anything is unpacked.
    Raises:
        FileNotFoundError, NotADirectoryError: the file is absent.
        UntrustedFileError: it is no such archive, lacks an array, or unpacks to more than `max_bytes`.
    """
    data = read_bytes(path, max_bytes)
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, max_bytes)
            sizes = {member.filename.removesuffix(".npy"): member for member in members}
            if missing := [name for name in names or () if name not in sizes]:
                raise UntrustedFileError(f"has no array {missing[0]}, expected {', '.join(names or ())}")
            return {name: _array(name, archive.read(sizes[name])) for name in (sizes if names is None else names)}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise UntrustedFileError(f"cannot be read: {error}") from None


def _check_directory(data: bytes) -> None:
    """Checks size and position of the central directory of a zip file, as NumPy writes it."""
    end = data[-_END_RECORD.size :]
    if len(end) < _END_RECORD.size or end[:4] != b"PK\x05\x06" or data[-42:-38] == _ZIP64_LOCATOR:
        raise UntrustedFileError("cannot be read: it is no NumPy archive, or truncated")
    if _END_RECORD.unpack(end)[5] > MAX_DIRECTORY_BYTES:
        raise UntrustedFileError("cannot be read: it lists more members than an archive of arrays has")


def _check_members(members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise UntrustedFileError(f"cannot be read: it has {len(members)} members, and at most {MAX_MEMBERS} are read")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise UntrustedFileError("cannot be read: it is encrypted or compressed in another way than NumPy's")
    size = sum(member.file_size for member in members)
    if size > max_bytes:
        raise UntrustedFileError(f"unpacks to {size / MB:,.0f} MB, and at most {max_bytes / MB:,.0f} MB are read")


def _array(name: str, data: bytes) -> np.ndarray:
    """Parses a .npy file after checking that its header agrees with its length.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """
    found = _NPY_HEADER.match(data[:MAX_NPY_HEADER])
    if found is None:
        raise UntrustedFileError(f"cannot be read: {name} is no array")
    try:
        dtype = np.dtype(found["descr"].decode())
        shape = tuple(int(side) for side in found["shape"].split(b",") if side.strip())
    except TypeError:  # no such type
        raise UntrustedFileError(f"cannot be read: {name} is no array") from None
    start = found.end()
    if dtype.kind not in "biufUS" or not dtype.itemsize or not all(0 <= side <= len(data) for side in shape):
        raise UntrustedFileError(f"cannot be read: {name} holds neither numbers nor text, or not as many as it says")
    count = math.prod(shape)
    if count * dtype.itemsize != len(data) - start:
        raise UntrustedFileError(f"cannot be read: the header of {name} does not fit its length")
    array = np.frombuffer(data, dtype, count, start).reshape(shape, order="F" if found["fortran"] == b"True" else "C")
    codes = np.dtype("u4").newbyteorder(dtype.byteorder)
    if dtype.kind == "U" and not _is_unicode(np.frombuffer(data, codes, -1, start)):
        raise UntrustedFileError(f"cannot be read: {name} holds text that is not Unicode")
    return array


def _is_unicode(codes: np.ndarray) -> bool:
    """Whether code points are valid characters, without lone surrogates."""
    return not ((codes > MAX_CHARACTER) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any()


def tensor_shapes(path: Path, max_bytes: int) -> tuple[dict[str, tuple[int, ...]], int]:
    """Reads the tensor shapes of a safetensors file from its header; also returns the file size in bytes.

    Raises:
        FileNotFoundError, NotADirectoryError: the file is absent.
        UntrustedFileError: it is no such file, of another length than its header says, or larger than `max_bytes`.
    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    with open_untrusted(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise UntrustedFileError(too_large(size, max_bytes))
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(size - 8, MAX_TENSOR_HEADER_BYTES):
            raise UntrustedFileError("is damaged: it has no header of a safetensors file")
        header = parse_json(file.read(length), max_depth=4)
    if not isinstance(header, dict):
        raise UntrustedFileError("is damaged: it has no header of a safetensors file")
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    shapes = {name: _shape(name, entry) for name, entry in entries.items()}
    if size != 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0):
        raise UntrustedFileError("is damaged: it is of another length than its header says")
    return shapes, size


def _shape(name: str, entry: Any) -> tuple[int, ...]:
    integer = isinstance(entry, dict) and all(
        isinstance(entry.get(key), list) and all(type(value) is int and value >= 0 for value in entry[key])
        for key in ("shape", "data_offsets")
    )
    if not integer or len(entry["data_offsets"]) != 2 or entry.get("dtype") not in TENSOR_TYPES:
        raise UntrustedFileError(f"is damaged: its header does not describe the tensor {name[:80]}")
    return tuple(entry["shape"])
