"""A section of a document between two marker lines, which a program writes."""

from pathlib import Path


def read_around(document: Path, begin: str, end: str) -> tuple[str, str]:
    """Reads the text before and after the section between two markers.

    Raises:
        ValueError: a marker is missing or occurs twice, or they are in the wrong order.
        OSError: the document cannot be read.
    """
    text = document.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"{document} lacks the lines that its tables stand between: {begin} and {end}")
    return text.split(begin)[0], text.split(end)[1]


def section_text(begin: str, parts: list[str], end: str) -> str:
    """Joins the markers and the parts of a section."""
    return "\n\n".join([begin, *parts, end])
