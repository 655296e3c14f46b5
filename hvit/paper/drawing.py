"""A figure with its caption and provenance, and saving it."""

import io
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvit.files import write_bytes
from hvit.paper import style
from hvit.paper.sources import Origin
from hvit.paper.style import FigureError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".pdf", ".svg", ".png")
PNG_DPI = 600


@dataclass(frozen=True)
class Drawing:
    """A figure for print.

    Attributes:
        title: in a few words.
        caption: description, with numbers of photos and intervals.
        origins: the runs and files it is made from.
        figure: at its size on paper.
        texts: names in the figure, whose letters may need other fonts.
        note: message for the user, such as a deviation from the request; or None.
    """

    title: str
    caption: str
    origins: tuple[Origin, ...]
    figure: "Figure"
    texts: tuple[str, ...] = ()
    note: str | None = None

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height on paper."""
        width, height = self.figure.get_size_inches()
        return width * style.MM_PER_INCH, height * style.MM_PER_INCH


def interval(value: float, low: float, high: float) -> str:
    """`89.1 % (87.6 to 90.5)`."""
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def check_output_path(out: Path) -> None:
    """Checks the output path of a figure before it is drawn.

    Raises:
        FigureError: another ending, or no such folder.
    """
    if out.suffix.lower() not in ENDINGS:
        raise FigureError(f"--out {out}: expected a name that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    if not out.resolve().parent.is_dir():
        raise FigureError(f"--out {out}: there is no folder {out.resolve().parent.name} to write into")


def save(drawing: Drawing, out: Path, command: list[str]) -> Path:
    """Writes a figure and its caption; deterministic for the same records.

    Args:
        out: ends in .pdf, .svg or .png.
        command: that reproduces it, written below the caption.
    Returns:
        The file of the caption.
    """
    import matplotlib

    kind, buffer = out.suffix.lower()[1:], io.BytesIO()
    with matplotlib.rc_context(style.rules(drawing.texts)):
        drawing.figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=_metadata(drawing, kind))
    write_bytes(out, buffer.getvalue())
    origins = "\n".join(f"From {origin}." for origin in drawing.origins)
    again = f"Drawn by: python -m hvit {shlex.join(command)}"
    caption = out.with_suffix(".txt")
    write_bytes(caption, f"{drawing.caption}\n\n{origins}\n{again}\n".encode())
    return caption


def _metadata(drawing: Drawing, kind: str) -> dict[str, Any]:
    origins = "; ".join(map(str, drawing.origins))
    if kind == "pdf":
        # Without a date, so that the same records give the same file.
        return {
            "Title": drawing.title,
            "Subject": drawing.caption,
            "Keywords": origins,
            "Creator": "HViT",
            "CreationDate": None,
        }
    if kind == "svg":
        return {
            "Title": drawing.title,
            "Description": f"{drawing.caption} From {origins}.",
            "Creator": "HViT",
            "Date": None,
        }
    return {"Title": drawing.title, "Description": drawing.caption, "Source": origins, "Software": "HViT"}
