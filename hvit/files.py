"""Atomic writes, reading of regular files only, and hashing."""

import errno
import hashlib
import json
import os
import re
import stat
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

LINE_BREAK = re.compile(r"\n\s*")
LIST_OF_NUMBERS = re.compile(r"\[(\n[^\[\]{}\"]+)\]")  # JSON escapes line breaks in strings


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file atomically: after a crash it has the old content or the new one."""
    write_chunks(path, (data,))


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Replaces a file atomically from an iterator of chunks, which are not held in memory at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(temporary, "wb") as out:
            for chunk in chunks:
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes an indented JSON document atomically; NaN is an error, floats are not rounded.

    Lists of numbers stay on one line: a confusion matrix has a line for each true class.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (LIST_OF_NUMBERS.sub(_on_one_line, text) + "\n").encode())


def _on_one_line(numbers: re.Match[str]) -> str:
    return f"[{LINE_BREAK.sub(' ', numbers[1].strip())}]"


def append_line(path: Path, line: str) -> None:
    """Appends a line to a text file, completely or, where the disk is full, not at all.

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


def open_regular(path: Path) -> BufferedReader:
    """Opens a regular file for reading in binary mode.

    A pipe would make the reader wait and a device would never end, so both are refused, without waiting.

    Raises:
        NotRegularFileError: it is a folder, pipe, socket or device.
        OSError: it cannot be opened.
    """
    _check_regular(os.stat(path), path)  # first: opening some devices has effects of its own
    file = open(path, "rb", opener=_open_without_waiting)
    try:
        _check_regular(os.fstat(file.fileno()), path)  # again: another may have taken its place
    except OSError:
        file.close()
        raise
    return file


class NotRegularFileError(OSError):
    """A folder, pipe, socket or device where a file was expected."""


KINDS_OF_FILES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS_OF_FILES.get(stat.S_IFMT(status.st_mode), "something else")
        raise NotRegularFileError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has neither pipes in folders nor the flag


def check_not_input(out: Path, inputs: Iterable[Path], option: str) -> None:
    """Checks that an output file is not one of the inputs.

    Raises:
        ValueError: it is one of them; the message names the option.
    """
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise ValueError(f"{option} {out} is one of the photos, and would be lost; name another file to write")


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


TYPOGRAPHIC_QUOTES = ("\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb")  # as phones and Macs write them


def typed_folder(text: str) -> Path:
    """Resolves a folder that a user typed or pasted: with quotes, `~`, `file://`, or surrounding spaces.

    Raises:
        ValueError: there is no such folder.
    """
    for guess in _spellings(text):
        try:
            path = Path(guess).expanduser()
            if guess and path.is_dir():
                return path
        except (OSError, ValueError, RuntimeError):  # a name too long, a NUL, or `~` and nobody's name
            continue
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text.strip()[:200])
    shown += "..." if len(text.strip()) > 200 else ""
    raise ValueError(f"There is no folder {shown} on this computer. Give the whole path, for example ~/Pictures.")


def _spellings(text: str) -> Iterator[str]:
    """Possible meanings of a text, the likeliest first."""
    yield text
    bare = text.strip()
    yield bare
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
        yield bare
    yield bare.strip().strip("\"'").strip()
    if len(bare) > 2 and bare[0] + bare[-1] in TYPOGRAPHIC_QUOTES:
        yield bare[1:-1]
    if bare.lower().startswith("file:"):
        try:
            address = urllib.parse.urlsplit(bare)
            if address.netloc.lower() in ("", "localhost"):
                yield urllib.request.url2pathname(address.path)
        except ValueError:  # such as file://[
            pass
    if os.sep == "/":
        yield bare.replace("\\ ", " ")  # as a terminal writes a space
