"""Reads CSV manifests of photos, in the dialects and encodings of programs and of Excel."""

import codecs
import csv
import difflib
import io
import itertools
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from hvit.data.datasets.folders import DataError, clean_name
from hvit.data.datasets.layouts import SPLITS, split_named

DELIMITERS = (",", ";", "\t", "|")
SAVE_AS = "in Excel: Save as, CSV UTF-8"
WORKBOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".ods", ".numbers"})
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        file: its path.
        columns: names in lower case, stripped.
        rows: line number, and stripped cells by column; empty rows are left out.
        notes: sentences for the user on how the file was read.
    """

    file: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]
    notes: list[str]


@dataclass(frozen=True)
class ManifestRow:
    """A row of a manifest; fields as in `hvit.data.datasets.reading.Sample`."""

    path: Path
    label: str
    split: str | None
    group: str


def read_table(file: Path, needed: tuple[tuple[str, ...], ...]) -> Table:
    """Reads a CSV file: separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16 with a mark or Windows-1252.

    Args:
        needed: required columns; of each tuple one is enough.
    Raises:
        DataError: it cannot be read, is no CSV, or lacks a column.
    """
    if file.suffix.lower() in WORKBOOKS:
        raise DataError(f"{file} is a workbook of a spreadsheet program; save it as a table: {SAVE_AS}")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"{file} is larger than {MAX_BYTES // 1_000_000} MB; expected a table with a line a photo")
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    text, note = _decoded(file, data)
    rows = _split_at_best(file, text, needed)
    if rows is None:
        wanted = " and ".join(first + (f" (or {', '.join(others)})" if others else "") for first, *others in needed)
        raise DataError(f"{file}: expected columns {wanted}, got {', '.join(_columns_found(text)) or 'none'}")
    (_, header), *lines = rows
    columns = tuple(clean_name(name).casefold() for name in header)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise DataError(f"{file} has two columns {twice[0]}; take one away")
    cells = [(number, _by_column(columns, row)) for number, row in lines]
    return Table(file, columns, [(n, row) for n, row in cells if any(row.values())], [note] if note else [])


def _by_column(columns: tuple[str, ...], row: list[str]) -> dict[str, str]:
    """Cells of a row by column; missing ones are empty."""
    return dict(zip(columns, itertools.chain(map(str.strip, row), itertools.repeat(""))))


def read_manifest(file: Path) -> tuple[list[ManifestRow], list[str]]:
    """Reads a CSV manifest: columns path and label (or class), optionally split and group.

    Paths are relative to the file, with slashes or backslashes.

    Returns:
        The rows in the order of the file, and notes on how it was read.
    Raises:
        DataError: the file cannot be read, or a line cannot be followed; names the line.
    """
    table = read_table(file, (("path",), ("label", "class")))
    if not table.rows:
        raise DataError(f"{file}: no photos; expected one a line below the names of the columns")
    label = "label" if "label" in table.columns else "class"
    return [_manifest_row(file, number, row, label) for number, row in table.rows], table.notes


def _manifest_row(file: Path, number: int, row: dict[str, str], label: str) -> ManifestRow:
    where = f"{file}: line {number}"
    path = _photo_named(file.parent, row["path"], where)
    if not row[label]:
        raise DataError(f"{where} has no {label}: {row['path']}")
    named = row["split"] if "split" in row else ""
    split = split_named(named)
    if named and split is None:
        raise DataError(f"{where} has split {named!r}; expected {', '.join(SPLITS)} or nothing")
    return ManifestRow(path, clean_name(row[label]), split, row["group"] if "group" in row else "")


def _photo_named(root: Path, text: str, where: str) -> Path:
    """Finds the file of a path cell: as written, with slashes for backslashes, in NFC and NFD.

    Raises:
        DataError: there is none, or it lies outside of `root`.
    """
    spellings = dict.fromkeys((text, text.replace("\\", "/")))
    forms = [unicodedata.normalize(form, spelling) for spelling in spellings for form in ("NFC", "NFD")]
    for spelling in dict.fromkeys((*spellings, *forms)):
        path = Path(os.path.abspath(root / spelling))  # not resolved: the folder may hold links to other disks
        if not path.is_relative_to(os.path.abspath(root)):
            raise DataError(f"{where} leads out of the folder: {text}")
        if text and path.is_file():
            return root / path.relative_to(os.path.abspath(root))
    if not text:
        raise DataError(f"{where} has no path")
    raise DataError(f"{where} names a file that is not there: {text}{_nearest(root / text.replace(chr(92), '/'))}")


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    names = {entry.name.casefold(): entry.name for entry in os.scandir(path.parent)}
    near = difflib.get_close_matches(path.name.casefold(), names, 1, cutoff=0.8)
    return f"; did you mean {names[near[0]]}?" if near else ""


def groups_in_table(file: Path) -> dict[str, str]:
    """Reads a CSV file with columns path and group to a dictionary; paths with forward slashes, in NFC.

    Raises:
        DataError: the file cannot be read, a column is missing, or a photo has two groups or none.
    """
    known: dict[str, str] = {}
    for number, row in read_table(file, (("path",), ("group",))).rows:
        if not row["group"]:
            raise DataError(f"{file}: line {number} has no group: {row['path']}")
        path = clean_path(row["path"])
        if known.setdefault(path, row["group"]) != row["group"]:
            raise DataError(f"{file}: line {number} puts {row['path']} into a second group")
    return known


def clean_path(path: str) -> str:
    """Normalizes a path for comparison: Unicode NFC, forward slashes, no leading `./`."""
    return unicodedata.normalize("NFC", path.replace("\\", "/")).removeprefix("./")


def _decoded(file: Path, data: bytes) -> tuple[str, str | None]:
    """Decodes a file; returns its text, and a note for the user on its encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        return _without_zeros(file, data.decode(encoding).removeprefix("\ufeff")), None
    except UnicodeDecodeError as error:
        text = data.decode("cp1252", errors="replace")
        if not _is_western(text):
            raise DataError(f"{file} is not a CSV file in UTF-8: {error}; save it again ({SAVE_AS})") from None
    return _without_zeros(file, text), f"{file} is not in UTF-8 and is read as Windows-1252; look at its accents"


def _without_zeros(file: Path, text: str) -> str:
    if "\0" in text:
        raise DataError(f"{file} is not a CSV file in UTF-8: it holds zero bytes; save it again ({SAVE_AS})")
    return text


def _is_western(text: str) -> bool:
    """Whether text decoded as Windows-1252 is plausible: all non-ASCII letters are Latin and next to ASCII letters.

    Other encodings (GBK, Shift-JIS, Windows-1251) give symbols, or words of accented letters alone.
    """
    for run_is_plain, run in itertools.groupby(text, key=str.isascii):
        if not run_is_plain and len(letters := list(run)) > 2:
            return False
        elif not run_is_plain and not all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters):
            return False
    words = "".join(letter if letter.isalpha() else " " for letter in text).split()
    return all(any(map(str.isascii, word)) for word in words)


def _split_at_best(file: Path, text: str, needed: tuple[tuple[str, ...], ...]) -> list[tuple[int, list[str]]] | None:
    """Splits at the delimiter that gives the required columns; rows with line numbers, None if there is none."""
    first = 0
    delimiters: tuple[str, ...] = DELIMITERS
    if text[:4].lower() == "sep=" and text[4:5].strip():  # a line for Excel
        head, _, text = text.partition("\n")
        delimiters, first = (head[4],), 1
    for delimiter in delimiters:
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            header = next(reader, [])
            columns = {clean_name(name).casefold() for name in header}
            if all(columns.intersection(names) for names in needed):
                return [(1 + first, header), *((reader.line_num + first, row) for row in reader)]
        except csv.Error as error:
            raise DataError(f"{file} is not a CSV file in UTF-8: {error}") from None
    return None


def _columns_found(text: str) -> list[str]:
    """Column names of the first line, split at the delimiter that gives most."""
    head = text.partition("\n")[0]
    candidates: list[list[str]] = [next(csv.reader([head], delimiter=sign), []) for sign in DELIMITERS]
    most = max(len(names) for names in candidates)
    return sorted(next(names for names in candidates if len(names) == most))
