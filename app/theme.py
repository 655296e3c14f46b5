"""Colors of figures on paper and in the dark, and the style sheets of the pages."""

from dataclasses import dataclass
from pathlib import Path

STYLE_SHEETS = sorted(Path(__file__).with_name("styles").glob("*.css"))  # base.css, then one a page
ICON = Path(__file__).with_name("icon.png")
LOGO = Path(__file__).with_name("logo.png")


@dataclass(frozen=True)
class Palette:
    """Colors of one theme, `#rrggbb`: what is in question is `accent`, all else is `quiet`."""

    accent: str
    quiet: str
    rule: str
    ink: str


PAPER = Palette(accent="#1f5b3a", quiet="#c6c2b5", rule="#d9d5c9", ink="#22261f")
DARK = Palette(accent="#6fb98c", quiet="#50554c", rule="#3a3e37", ink="#e9e7df")


def palette(theme_type: str | None) -> Palette:
    """Colors of the theme the reader has chosen: "dark", or paper for everything else."""
    return DARK if theme_type == "dark" else PAPER
