"""Reads the Parquet tables that a run records for a split, and lists the splits that have one."""

from pathlib import Path
from typing import Any

from hvit.runs import Run, RunError
from hvit.runs.layout import in_split
from hvit.untrusted import UntrustedFileError, inside, read_parquet
from hvit.untrusted.tables import Kind


def read_split_table(
    run: Run, split: str, file: str, columns: dict[str, Kind], rows: str, again: str
) -> dict[str, list[Any]] | None:
    """Columns of `eval/<split>/<file>`; None where the run has none.

    Args:
        columns: name and kind of each; others in the file are left out.
        rows: what the rows are, for an error: "distances".
        again: how to record them again, for an error.
    Raises:
        RunError: the file cannot be read, or lacks a column.
    """
    where = f"{in_split(split, file)} of run {run.name}"
    try:
        found = read_parquet(inside(run.path, in_split(split, file)), columns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UntrustedFileError as error:
        raise RunError(f"{rows} in {where} {error}; copy the run again") from None
    if missing := [name for name in columns if name not in found]:
        raise RunError(f"{where} lacks the column {missing[0]}; {again}")
    return found


def splits_with(run_dir: Path, file: str) -> tuple[str, ...]:
    """Splits for which a run recorded a file: test, then others by name."""
    names = {found.parent.name for found in run_dir.glob(in_split("*", file))}
    return tuple(sorted(names, key=lambda name: (name != "test", name)))
