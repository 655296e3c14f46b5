"""Joins the sheet of a trial to photos by file name or pattern, and lists what does not match."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hvit.trials.sheet import Sheet, SheetRow


@dataclass(frozen=True)
class Joined:
    """Photos joined with rows of the sheet.

    Attributes:
        rows: line of each photo; None of those without one, and of those with several that differ.
        unmatched: names of photos without a line.
        empty: lines that fit no photo.
        double: names of photos that several lines fit which differ, with the numbers of those lines.
    """

    rows: tuple[SheetRow | None, ...]
    unmatched: tuple[str, ...]
    empty: tuple[SheetRow, ...]
    double: tuple[tuple[str, tuple[int, ...]], ...]


def join_sheet(sheet: Sheet, names: Sequence[str]) -> Joined:
    """Finds the row of each photo.

    A line fits a photo whose name it gives, with or without folders and ending, in any case; of names that differ by
    case only it fits the one as written. `*`, `?` and `[...]` make it a pattern, compared with the name with and
    without folders.

    Args:
        names: of photos, with folders and forward slashes.
    """
    fitting: list[list[SheetRow]] = [[] for _ in names]
    spellings = [_spellings(name, _plain) for name in names]
    by_spelling: dict[str, list[int]] = {}
    for number, own in enumerate(spellings):
        for spelling in own:
            by_spelling.setdefault(spelling, []).append(number)
    empty = []
    for row in sheet.rows:
        found = _fitting(_plain(row.pattern), spellings, by_spelling)
        if same_case := [
            number for number in found if _normalized(row.pattern) in _spellings(names[number], _normalized)
        ]:
            found = same_case
        for number in found:
            fitting[number].append(row)
        if not found:
            empty.append(row)
    chosen = [rows[0] if rows and len({row.where for row in rows}) == 1 else None for rows in fitting]
    unmatched = tuple(name for name, rows in zip(names, fitting) if not rows)
    double = tuple(
        (name, tuple(row.line for row in rows)) for name, rows, one in zip(names, fitting, chosen) if rows and not one
    )
    return Joined(tuple(chosen), unmatched, tuple(empty), double)


def _fitting(pattern: str, spellings: Sequence[list[str]], by_spelling: dict[str, list[int]]) -> list[int]:
    if pattern in by_spelling or not set(pattern) & set("*?["):  # brackets may belong to a name
        return by_spelling.get(pattern, [])
    fits = re.compile(fnmatch.translate(pattern)).match
    return [number for number, own in enumerate(spellings) if any(fits(spelling) for spelling in own[:2])]


def _spellings(name: str, plain: Callable[[str], str]) -> list[str]:
    """Variants of a name to compare: with and without folders, each with and without the ending."""
    whole = plain(name)
    last = PurePosixPath(whole).name
    return list(dict.fromkeys([whole, last, str(PurePosixPath(whole).with_suffix("")), PurePosixPath(last).stem]))


def _plain(text: str) -> str:
    """A name for comparison: case, kinds and numbers of spaces, and kinds of slashes do not count."""
    return _normalized(text).casefold()


def _normalized(text: str) -> str:
    """The same, but case counts."""
    return unicodedata.normalize("NFC", " ".join(text.replace("\\", "/").split())).removeprefix("./")
