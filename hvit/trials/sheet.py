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
Day = date
MAX_BYTES = 20 * 2**20
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
        SheetError: it cannot be read, lacks a column or a cell, a date is not one, or a plot has two treatments.
    """
    try:
        if file.suffix.lower() in (".xlsx", ".xlsm"):
            lines, notes = _xlsx_rows(file), []
        else:
            table = read_table(file, (FILE, PLOT))
            lines, notes = [(number, dict[str, Any](row)) for number, row in table.rows], table.notes
    except DataError as error:
        raise SheetError(str(error)) from None
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
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    if file.stat().st_size > MAX_BYTES:
        raise SheetError(f"{file.name} is larger than {MAX_BYTES >> 20} MB; save the sheet of the trial alone")
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        cells = [list(row) for row in book.worksheets[0].iter_rows(values_only=True, max_row=MAX_ROWS)]
        book.close()
    except (BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, OSError) as error:
        raise SheetError(f"{file.name} is not a workbook that can be read ({error}); save it as CSV") from None
    if not cells:
        raise SheetError(f"{file.name} is empty; expected columns file, plot, treatment, replicate, date")
    header = [clean_name(str(cell or "")).casefold() for cell in cells[0]]
    for names in (FILE, PLOT):
        if not set(names) & set(header):
            found = ", ".join(filter(None, header)) or "none"
            raise SheetError(f"{file.name}: expected columns file (or pattern) and plot, got {found}")
    rows = [(number, dict(zip(header, row))) for number, row in enumerate(cells[1:], 2)]
    return [(number, row) for number, row in rows if any(cell not in (None, "") for cell in row.values())]


def _row(file: Path, number: int, row: Mapping[str, Any], columns: Mapping[Any, str], read_date: Any) -> SheetRow:
    texts = {kind: _text(row[name]) if name else "" for kind, name in columns.items()}
    for kind, what in ((FILE, "file or pattern"), (PLOT, "plot")):
        if not texts[kind]:
            raise SheetError(f"{file.name}: line {number} has no {what}")
    when = read_date(number, row[columns[DATE]]) if columns[DATE] else None
    return SheetRow(number, texts[FILE], texts[PLOT], texts[TREATMENT], texts[REPLICATE], when)


def _text(cell: Any) -> str:
    """Text of a cell; 7.0 in a workbook becomes 7."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else clean_name(str(cell))


def _date_reader(file: Path, cells: Sequence[tuple[int, Any]]) -> Any:
    """Function that parses a cell as a date, None for an empty one; `line` is named in errors.

    The order of day and month in dates with slashes is inferred from the full column.
    """
    slashed = [m for _, cell in cells if (m := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", _text(cell)))]
    day_first = any(int(m[1]) > 12 for m in slashed)
    month_first = any(int(m[2]) > 12 for m in slashed)

    def read(number: int, cell: Any) -> date | None:
        if isinstance(cell, datetime):
            return cell.date()
        if isinstance(cell, date):
            return cell
        text = _text(cell)
        if not text:
            return None
        try:
            if m := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T].*)?", text):
                return date(int(m[1]), int(m[2]), int(m[3]))
            if m := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
                return date(int(m[3]), int(m[2]), int(m[1]))
            if m := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
                if day_first == month_first:
                    raise SheetError(
                        f"{file.name}: line {number} has the date {text}, of which day and month cannot be told "
                        "apart; write dates as 2026-07-31"
                    )
                day, month = (1, 2) if day_first else (2, 1)
                return date(int(m[3]), int(m[month]), int(m[day]))
        except SheetError:
            raise
        except ValueError:  # no such day
            pass
        raise SheetError(f"{file.name}: line {number} has the date {text[:40]!r}; write dates as 2026-07-31")

    return read


def _check_treatments(file: Path, rows: Sequence[SheetRow]) -> None:
    first: dict[tuple[str, str], SheetRow] = {}
    for row in rows:
        other = first.setdefault(row.unit, row)
        if other.treatment != row.treatment:
            raise SheetError(
                f"{file.name}: plot {row.plot} has treatment {other.treatment or 'none'} in line {other.line} and "
                f"{row.treatment or 'none'} in line {row.line}; correct one, or add a column replicate"
            )
