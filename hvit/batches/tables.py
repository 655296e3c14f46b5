"""A batch as a table with one row a photo, for spreadsheets and for R."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hvit.batches.results import Results
from hvit.batches.reviews import Review
from hvit.data.classes import crop_of, crop_title, spoken_condition

SHARES = ("probability", "area", "low", "high", "reviewed_area")  # of 1
WIDTHS = {
    "file": 32, "condition": 26, "second": 34, "third": 34, "area_reason": 40, "reviewed_label": 34, "note": 40,
    "sha256": 20,
}  # fmt: skip


def table_rows(
    results: Results,
    reviews: Mapping[str, Mapping[str, Review]],
    notes: Mapping[str, str],
    rows: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """One dictionary a photo with plain values; None where something is not known.

    Args:
        reviews: current decision, by path and reviewer.
        notes: by path.
        rows: numbers of the photos, in the order wanted; all of them without.
    """
    numbers = range(len(results)) if rows is None else rows
    return [_row(results, int(row), reviews, notes) for row in numbers]


def _row(
    results: Results, row: int, reviews: Mapping[str, Mapping[str, Review]], notes: Mapping[str, str]
) -> dict[str, Any]:
    photo = results.photos[row]
    label, second, third = (results.label(row, rank) for rank in range(3))
    own = list(reviews.get(photo.path, {}).values())
    return {
        "file": photo.name,
        "verdict": str(results.verdicts[row]),
        "crop": None if label is None else crop_title(crop_of(label)) or None,
        "condition": None if label is None else spoken_condition(label),
        "probability": _known(results.probability[row]),
        "second": second,
        "third": third,
        "area": _known(results.severity["lesion_fraction"][row]),
        "low": _known(results.severity["low"][row]),
        "high": _known(results.severity["high"][row]),
        "area_reason": results.severity_reason[row] or None,
        "label": label,
        "candidates": "; ".join(name for name, _ in results.candidates(row)) or None,
        "chosen_crop": results.crops[row],
        "flags": "; ".join(results.flags[row]) or None,
        "reviewed_label": "; ".join(review.label or review.verdict for review in own) or None,
        "reviewer": "; ".join(review.reviewer for review in own) or None,
        "reviewed_area": next((review.area for review in own if review.area is not None), None),
        "note": notes.get(photo.path),
        "error": results.errors[row] or None,
        "sha256": results.sha256[row],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def to_xlsx(sheets: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Serialize tables as an Excel workbook: the header stays in view, shares are shown as percent.

    Texts are stored as texts: none can become a formula.

    Args:
        sheets: rows of equal keys by title of the sheet; an empty table becomes an empty sheet.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    del book[book.active.title]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:31])
        columns = list(rows[0]) if rows else []
        sheet.append(columns)
        for cell in sheet[1] if columns else ():
            cell.font = Font(bold=True)
        for number, row in enumerate(rows, 2):
            for column, name in enumerate(columns, 1):
                _write_cell(sheet.cell(number, column), name, row[name])
        sheet.freeze_panes = "B2"
        for column, name in enumerate(columns, 1):
            sheet.column_dimensions[get_column_letter(column)].width = WIDTHS.get(name, 14)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_cell(cell: Any, name: str, value: Any) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub(" ", value)
        cell.data_type = "s"  # also of a text that begins with =
    else:
        cell.value = value
    if isinstance(value, float) and name in SHARES:
        cell.number_format = "0.0%"
