"""Colors of figures on paper and in the dark, the heat scale, and the style sheet of the pages."""

from dataclasses import dataclass
from pathlib import Path

STYLE_SHEET = Path(__file__).with_name("style.css")
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

# Ten stops of the perceptual map "inferno" (matplotlib, CC0), from the lowest value to the highest.
HEAT_STOPS = (
    "#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4",
)  # fmt: skip


def palette(theme_type: str | None) -> Palette:
    """Colors of the theme the reader has chosen: "dark", or paper for everything else."""
    return DARK if theme_type == "dark" else PAPER
