"""Writing files whole or not at all, and knowing what is in them."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

WEIGHTS, CARD = "model.safetensors", "model.json"  # of a run


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file in one step: a crash leaves the old one or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(temporary, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """One JSON document; no NaN, floats not rounded."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def append_line(path: Path, line: str) -> None:
    """Adds a line to a text file, all of it or, where the disk is full, nothing.

    Raises:
        OSError: it cannot be written.
    """
    data = line.encode() + b"\n"
    with open(path, "ab", buffering=0) as out:
        end = out.tell()
        try:
            written = out.write(data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            out.truncate(end)
            raise


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
