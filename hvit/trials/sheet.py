"""Reads the sheet of a field trial: plot, treatment, replicate and date of each photo."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hvit.data.datasets.folders import DataError, clean_name
from hvit.data.datasets.manifests import read_table

FILE = ("file", "pattern", "photo", "path", "image", "filename", "foto", "datei")
PLOT = ("plot", "plot_id", "parzelle", "parcela", "parcelle")
TREATMENT = ("treatment", "trt", "behandlung", "tratamiento", "traitement")
REPLICATE = ("replicate", "rep", "block", "wiederholung", "repetition")
DATE = ("date", "datum", "day", "fecha")
WORKBOOKS = (".xlsx", ".xlsm")
CELL_ERRORS = ("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
EMPTY_IN_WORKBOOK = "; a merged cell, or a formula that was never computed, counts as empty"
YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[ T].*)?")
DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})(?: .*)?")
EITHER_FIRST = re.compile(r"(\d{1,2})([-/])(\d{1,2})\2(\d{4})(?: .*)?")
Day = date
MAX_BYTES = 20 * 2**20
MAX_UNPACKED_BYTES = 200 * 2**20
MAX_ROWS = 100_000


class SheetError(ValueError):
    """A sheet that cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet.

    Attributes:
        line: number in the file, from 1.
        pattern: name of a file, or a pattern with `*` and `?`.
        plot, treatment, replicate: as written; treatment and replicate may be empty.
        date: None where the sheet has none.
    """

    line: int
    pattern: str
    plot: str
    treatment: str
    replicate: str
    date: Day | None

    @property
    def unit(self) -> tuple[str, str]:
        """Identifier of a plot: plot numbers may repeat in each replicate."""
        return self.replicate, self.plot

    @property
    def where(self) -> tuple[str, str, str, Day | None]:
        """All fields that a photo takes from this row."""
        return self.plot, self.treatment, self.replicate, self.date


@dataclass(frozen=True)
class Sheet:
    """The rows of a sheet, and notes on how it was read."""

    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...] = ()


def read_sheet(file: Path) -> Sheet:
    """Reads a CSV or XLSX file with columns file (or pattern), plot, treatment, replicate and date.

    CSV may be separated by commas, semicolons or tabs. Names of columns are compared without case, and some other names
    are understood. Only file and plot are needed.

    Raises:
        SheetError: it cannot be read, lacks a column or a cell, has a column twice, a date is not one, or a plot has
            two treatments.
    """
    try:
        if file.suffix.lower() in WORKBOOKS:
            lines, notes = _xlsx_rows(file), []
        else:
            table = read_table(file, (FILE, PLOT))
            lines = [(number, dict[str, Any](row)) for number, row in table.rows]
            notes = [note.replace(str(file), file.name) for note in table.notes]
    except DataError as error:
        raise SheetError(str(error).replace(str(file), file.name)) from None
    if not lines:
        raise SheetError(f"{file.name} has no lines below the names of its columns")
    columns = {kind: _column(lines[0][1], kind) for kind in (FILE, PLOT, TREATMENT, REPLICATE, DATE)}
    read_date = _date_reader(file, [(n, row[columns[DATE]]) for n, row in lines if columns[DATE]])
    rows = tuple(_row(file, number, row, columns, read_date) for number, row in lines)
    _check_treatments(file, rows)
    return Sheet(rows, tuple(notes))


def _column(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of several column names that the sheet has; empty for none."""
    return next((name for name in names if name in row), "")


def _xlsx_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Rows of the first sheet of a workbook, with the names of columns in lower case."""
    cells = _xlsx_cells(file)
    if not cells:
        raise SheetError(f"the first sheet of {file.name} is empty; put the columns file, plot, ... there")
    header = [clean_name(str(cell or "")).casefold() for cell in cells[0]]
    for names in (FILE, PLOT):
        if not set(names) & set(header):
            found = ", ".join(filter(None, header)) or "none"
            raise SheetError(f"{file.name}: expected columns file (or pattern) and plot, got {found}")
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise SheetError(f"{file.name} has two columns {twice[0]}; take one away")
    rows = [(number, dict(zip(header, row))) for number, row in enumerate(cells[1:], 2)]
    return [(number, row) for number, row in rows if any(cell not in (None, "") for cell in row.values())]


def _xlsx_cells(file: Path) -> list[list[Any]]:
    """Values of all cells of the first sheet."""
    import xml.etree.ElementTree
    import zipfile
    import zlib

    import openpyxl

    if file.stat().st_size > MAX_BYTES:
        raise SheetError(f"{file.name} is larger than {MAX_BYTES >> 20} MB; save the sheet of the trial alone")
    try:
        with zipfile.ZipFile(file) as archive:
            if (size := sum(member.file_size for member in archive.infolist())) > MAX_UNPACKED_BYTES:
                raise SheetError(f"{file.name} unpacks to {size >> 20:,} MB; save the sheet of the trial alone")
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True, max_row=MAX_ROWS + 1)
        cells = [list(row) for row in rows]
        book.close()
    except SheetError:
        raise
    # What zip, zlib, XML and openpyxl raise on a damaged workbook has no common class: all of it means the same.
    except (
        zipfile.BadZipFile, zlib.error, xml.etree.ElementTree.ParseError, NotImplementedError, EOFError,
        KeyError, IndexError, AttributeError, TypeError, ValueError, OSError, RuntimeError,
    ) as error:  # fmt: skip
        raise SheetError(f"{file.name} is not a workbook that can be read ({error}); save it as CSV") from None
    if len(cells) > MAX_ROWS:
        raise SheetError(f"{file.name} has more than {MAX_ROWS:,} lines; save the lines of this trial alone")
    return cells


def _row(file: Path, number: int, row: Mapping[str, Any], columns: Mapping[Any, str], read_date: Any) -> SheetRow:
    cells = {kind: row[name] if name else None for kind, name in columns.items()}
    for kind in (FILE, PLOT, TREATMENT, REPLICATE):
        _check_cell(file, number, columns[kind], cells[kind])
    texts = {kind: _text(cell) for kind, cell in cells.items()}
    for kind, what in ((FILE, "file or pattern"), (PLOT, "plot")):
        if not texts[kind]:
            hint = EMPTY_IN_WORKBOOK if file.suffix.lower() in WORKBOOKS else ""
            raise SheetError(f"{file.name}: line {number} has no {what}{hint}")
    when = read_date(number, row[columns[DATE]]) if columns[DATE] else None
    return SheetRow(number, texts[FILE], texts[PLOT], texts[TREATMENT], texts[REPLICATE], when)


def _check_cell(file: Path, number: int, column: str, cell: Any) -> None:
    """Refuses what a spreadsheet program made of a cell: an error of a formula, or a date of a number such as 3-7."""
    where = f"{file.name}: line {number}, column {column}"
    if isinstance(cell, datetime | date):
        raise SheetError(f"{where} is the date {cell:%Y-%m-%d}; format the column as text and type its values again")
    if isinstance(cell, str) and cell.strip() in CELL_ERRORS:
        raise SheetError(f"{where} holds the error {cell.strip()} of a formula; type its value")


def _text(cell: Any) -> str:
    """Text of a cell; 7.0 in a workbook becomes 7."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else clean_name(str(cell))


def _date_reader(file: Path, cells: Sequence[tuple[int, Any]]) -> Any:
    """Function that parses a cell as a date, None for an empty one; `line` is named in errors.

    The order of day and month in dates such as 3/7/2026 or 3-7-2026 is inferred from the full column.
    """
    either = [m for _, cell in cells if (m := EITHER_FIRST.fullmatch(_text(cell)))]
    day_first = any(int(m[1]) > 12 for m in either)
    month_first = any(int(m[3]) > 12 for m in either)

    def read(number: int, cell: Any) -> date | None:
        if isinstance(cell, datetime):
            return cell.date()
        if isinstance(cell, date):
            return cell
        text = _text(cell)
        if not text:
            return None
        if EITHER_FIRST.fullmatch(text) and day_first == month_first:
            raise SheetError(
                f"{file.name}: line {number} has the date {text}, of which day and month cannot be told apart; write "
                "dates as 2026-07-31"
            )
        if (found := _parse_date(text, day_first)) is None:
            raise SheetError(f"{file.name}: line {number} has the date {text[:40]!r}; write dates as 2026-07-31")
        return found

    return read


def _parse_date(text: str, day_first: bool) -> date | None:
    """A date from text; None where it is none, or there is no such day."""
    if m := YEAR_FIRST.fullmatch(text):
        year, month, day = m[1], m[3], m[4]
    elif m := DOTTED.fullmatch(text):
        day, month, year = m[1], m[2], m[3]
    elif m := EITHER_FIRST.fullmatch(text):
        (day, month), year = (m[1], m[3]) if day_first else (m[3], m[1]), m[4]
    else:
        return None
    try:
        return date(int(year) + 2000 * (len(year) == 2), int(month), int(day))
    except ValueError:
        return None


def _check_treatments(file: Path, rows: Sequence[SheetRow]) -> None:
    first: dict[tuple[str, str], SheetRow] = {}
    for row in rows:
        other = first.setdefault(row.unit, row)
        if other.treatment != row.treatment:
            raise SheetError(
                f"{file.name}: plot {row.plot} has treatment {other.treatment or 'none'} in line {other.line} and "
                f"{row.treatment or 'none'} in line {row.line}; correct one, or add a column replicate"
            )
