"""The sheet of a trial in the folder of its batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hvit.batches import Batch
from hvit.batches.layout import TRIAL
from hvit.batches.logs import locked, write_errors
from hvit.files import write_bytes
from hvit.trials.sheet import Sheet, SheetError, read_sheet


def sheet_file(batch: Batch) -> Path | None:
    """The file of the sheet; None where there is none."""
    return next((batch.path / name for name in TRIAL if (batch.path / name).exists()), None)


def keep_sheet(batch: Batch, name: str, data: bytes) -> Sheet:
    """Stores a sheet once it was read without error, replacing the previous one.

    Args:
        name: of the file; its ending decides between workbook and CSV.
    Raises:
        SheetError: it cannot be read; the one before stays.
        BatchError: the batch cannot be written.
    """
    kept = TRIAL[1] if name.lower().endswith((".xlsx", ".xlsm")) else TRIAL[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name.replace("\\", "/").rsplit("/", 1)[-1]
        file = file if file.suffix else file.with_suffix(".csv")
        file.write_bytes(data)
        try:
            sheet = read_sheet(file)
        except SheetError as error:
            raise SheetError(str(error).replace(f"{folder}/", "")) from None
    with locked(batch.path), write_errors(batch.path):
        write_bytes(batch.path / kept, data)
        for other in TRIAL:
            if other != kept:
                (batch.path / other).unlink(missing_ok=True)
    return sheet


def forget_sheet(batch: Batch) -> None:
    """Removes the sheet; photos, scores and reviews stay.

    Raises:
        BatchError: the batch cannot be written.
    """
    with locked(batch.path), write_errors(batch.path):
        for name in TRIAL:
            (batch.path / name).unlink(missing_ok=True)
