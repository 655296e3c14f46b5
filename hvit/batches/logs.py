"""Append-only CSV files: a row is on the disk when the call returns, and a torn last row is cut off."""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hvit.batches.layout import LOCK
from hvit.untrusted import UntrustedFileError, read_bytes

MAX_BYTES = 64 * 2**20
LOCK_TIMEOUT_S = 20
MAX_HEADER_BYTES = 4096
LINE_BREAKS = re.compile(r"[\r\n]+")


class BatchError(ValueError):
    """A batch that cannot be read or written; the message says why and what to do."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a batch, so that two windows or processes write one after the other.

    Raises:
        BatchError: another process holds it for too long, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    with write_errors(folder):
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except Timeout:
            raise BatchError(f"batch {folder.name} is being written by another process; try again") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Converts errors of the file system to `BatchError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise BatchError(f"batch {folder.name} cannot be written: {reason}; nothing was changed") from None


def append_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Appends rows to a CSV file in one write and waits until they are on the disk.

    Line breaks within cells become spaces: a line is a row, so that a torn one is recognized. All else stays, such as
    the several or narrow spaces in names of photos.

    Args:
        columns: of the file; the header is written with the first row.
    Raises:
        BatchError: the file has other columns or cannot be written; it is then as it was.
    """
    lines = [_line([row[name] for name in columns]) for row in rows]
    if not lines:
        return
    with locked(path.parent), write_errors(path.parent), open(path, "ab+", buffering=0) as file:
        end = _end_of_last_row(file)
        if end == 0:
            lines.insert(0, _line(columns))
        _check_header(path, file, columns)
        file.truncate(end)
        try:
            data = "".join(lines).encode()
            if file.write(data) < len(data):
                raise OSError("the disk is full")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(LINE_BREAKS.sub(" ", str(cell)) for cell in cells)
    return out.getvalue()


def _check_header(path: Path, file: io.FileIO, columns: Sequence[str]) -> None:
    """Checks that a file is empty, has these columns, or a torn header of them: what else it holds must not be lost."""
    file.seek(0)
    begin = file.readline(MAX_HEADER_BYTES)
    if begin.rstrip(b"\r\n") != _line(columns).encode()[:-1] and not _is_torn_header(begin, columns):
        raise BatchError(f"{path.name} of batch {path.parent.name} is damaged; restore it or delete the batch")


def _is_torn_header(begin: bytes, columns: Sequence[str]) -> bool:
    return _line(columns).encode().startswith(begin) and not begin.endswith(b"\n")


def _end_of_last_row(file: io.FileIO) -> int:
    """Bytes up to the last line break: what follows was torn by a crash."""
    size = file.seek(0, os.SEEK_END)
    start = size
    while start > 0:
        start = max(0, start - 65536)
        file.seek(start)
        found = file.read(size - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
    return 0


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of an append-only CSV file; none where there is no file. A torn last row is left out.

    Raises:
        BatchError: it cannot be read, or lacks a column.
    """
    try:
        data = read_bytes(path, MAX_BYTES)
        text = data[: data.rfind(b"\n") + 1].decode()
        if not text and not _is_torn_header(data, columns):
            raise UntrustedFileError("is damaged")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        if text and (missing := [name for name in columns if name not in (reader.fieldnames or ())]):
            raise UntrustedFileError(f"has no column {missing[0]}")
        return [{name: row[name] for name in columns} for row in reader]
    except FileNotFoundError:
        return []
    except (UntrustedFileError, UnicodeDecodeError, csv.Error, NotADirectoryError) as error:
        reason = error if isinstance(error, UntrustedFileError) else "is damaged"
        raise BatchError(f"{path.name} of batch {path.parent.name} {reason}; restore it or delete the batch") from None
