"""Reads bytes and lines of regular files, up to a size limit."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hvit.files import open_regular

MB = 2**20
MAX_LINE_BYTES = 64 * 1024


class UntrustedFileError(ValueError):
    """A file that is not as its reader expects.

    The message is a predicate that the caller puts after the file's name, such as "cannot be read: it is a pipe".
    """


def inside(folder: Path, name: str) -> Path:
    """Path of a file in a folder; rejects names and symbolic links that lead out of it.

    Args:
        name: relative, with forward slashes.
    Raises:
        UntrustedFileError: the name is absolute or goes up, or a link leads elsewhere.
    """
    path = Path(folder) / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not is_in_utf8(name) or "\0" in name:
        raise UntrustedFileError("is no name of a file inside the run")
    home = os.path.realpath(folder)
    if os.path.commonpath([home, os.path.realpath(path)]) != home:
        raise UntrustedFileError("is a link that leads out of the run; put the file itself there")
    return path


def is_in_utf8(text: str) -> bool:
    """Whether a text can be encoded as UTF-8, that is, has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def open_untrusted(path: Path) -> BinaryIO:
    """Opens a regular file for reading in binary mode.

    Raises:
        FileNotFoundError, NotADirectoryError: it is absent.
        UntrustedFileError: it is a folder, pipe or device, or cannot be opened.
    """
    try:
        return open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise UntrustedFileError(f"cannot be read: {error.strerror or error}") from None


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Reads all bytes of a regular file.

    Raises:
        FileNotFoundError, NotADirectoryError: it is absent.
        UntrustedFileError: it is no regular file, or larger than `max_bytes`.
    """
    with open_untrusted(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise UntrustedFileError(too_large(size, max_bytes))
        try:
            data = file.read(size + 1)
        except OSError as error:
            raise UntrustedFileError(f"cannot be read: {error.strerror or error}") from None
    if len(data) > size:
        raise UntrustedFileError("grew while it was read; try again")
    return data


def too_large(size: int, max_bytes: int) -> str:
    """Error for a file above the size limit."""
    shown = f"{size / MB:,.0f} MB" if size >= MB else f"{size / 1024:,.0f} KB"
    most = f"{max_bytes / MB:,.0f} MB" if max_bytes >= MB else f"{max_bytes / 1024:,.0f} KB"
    return f"cannot be read: it has {shown}, and at most {most} are read"


def read_lines(path: Path, max_bytes: int | None = None) -> Iterator[bytes | None]:
    """Yields the lines of a regular file with their line break; None for a line longer than `MAX_LINE_BYTES`.

    A last line that is as long and has no line break is left out: it is torn.

    Args:
        max_bytes: of the file; None for no limit.
    Raises:
        FileNotFoundError, NotADirectoryError: it is absent.
        UntrustedFileError: it is no regular file, or larger than `max_bytes`.
    """
    with open_untrusted(path) as file:
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise UntrustedFileError(too_large(size, max_bytes))
        while line := file.readline(MAX_LINE_BYTES + 1):
            if len(line) <= MAX_LINE_BYTES:
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            if line:
                yield None
