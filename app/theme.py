"""Colors of figures on paper and in the dark, and the style sheets of the pages."""

from dataclasses import dataclass
from pathlib import Path

STYLE_SHEETS = sorted(Path(__file__).with_name("styles").glob("*.css"))  # base.css, then one a page
ICON = Path(__file__).with_name("icon.png")
LOGO = Path(__file__).with_name("logo.png")


@dataclass(frozen=True)
class Palette:
    """Colors of one theme, `#rrggbb`: what is in question is `accent`, all else is `quiet`.

    Attributes:
        wrong: what a model named wrongly.
        hues: nine that most eyes can tell apart, for groups (Paul Tol's muted and light schemes).
        steps: five from little to much (a part of viridis that shows on this ground).
    """

    accent: str
    quiet: str
    rule: str
    ink: str
    wrong: str
    hues: tuple[str, ...]
    steps: tuple[str, ...]


PAPER = Palette(
    accent="#1f5b3a",
    quiet="#c6c2b5",
    rule="#d9d5c9",
    ink="#22261f",
    wrong="#c4512d",
    hues=("#cc6677", "#332288", "#d1b23f", "#117733", "#62b5e5", "#882255", "#44aa99", "#8a8a1f", "#aa4499"),
    steps=("#b8cf3c", "#4fb86c", "#21918c", "#3b528b", "#440154"),
)
DARK = Palette(
    accent="#6fb98c",
    quiet="#50554c",
    rule="#3a3e37",
    ink="#e9e7df",
    wrong="#f08a5d",
    hues=("#ffaabb", "#77aadd", "#eedd88", "#44bb99", "#99ddff", "#ee8866", "#bbcc33", "#aaaa00", "#dddddd"),
    steps=("#3b528b", "#26828e", "#35b779", "#90d743", "#fde725"),
)


def palette(theme_type: str | None) -> Palette:
    """Colors of the theme the reader has chosen: "dark", or paper for everything else."""
    return DARK if theme_type == "dark" else PAPER
