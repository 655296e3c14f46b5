"""CSV tables for spreadsheets, and diagnoses as their rows."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from hvit.files import write_bytes

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins with one is computed by spreadsheet programs


def to_csv(rows: list[dict[str, Any]]) -> bytes:
    """Serializes rows of equal keys as CSV for spreadsheets: UTF-8 with a BOM, and no cell can start a formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _safe_cell(value) for key, value in row.items()})
    return out.getvalue().encode("utf-8-sig")


def _safe_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return "'" + value
    return value


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes rows as CSV with `to_csv`, atomically.

    Raises:
        ValueError: the file cannot be written.
    """
    try:
        write_bytes(path, to_csv(rows))
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}; choose another file") from None


def diagnosis_row(row: dict[str, Any]) -> dict[str, Any]:
    """Flattens one object of `predict --json` into CSV cells: lists joined by semicolons, probabilities as JSON."""
    cells = {key: value for key, value in row.items() if key not in ("probabilities", "severity")}
    for key in ("prediction_set", "flags"):
        cells[key] = "; ".join(row[key]) if row[key] else ""
    severity = row["severity"] or {}
    cells["severity"] = severity.get("lesion_fraction")
    cells |= {f"severity_{name}": severity.get(name) for name in ("low", "high", "leaf_fraction", "lesions")}
    cells["probabilities"] = (
        "" if row["probabilities"] is None else json.dumps(row["probabilities"], ensure_ascii=False)
    )
    return {key: "" if value is None else value for key, value in cells.items()}
