"""Colors of figures on paper and in the dark, and the style sheets of the pages."""

from dataclasses import dataclass
from pathlib import Path

STYLE_SHEETS = sorted(Path(__file__).with_name("styles").glob("*.css"))  # base.css, then one a page
ICON = Path(__file__).with_name("icon.png")
LOGO = Path(__file__).with_name("logo.png")


# `config` of `st.plotly_chart`: tools above a figure.
NO_MODEBAR = {"displayModeBar": False}
SAVE_MODEBAR = {"displaylogo": False, "modeBarButtons": [["toImage"]]}
ZOOM_MODEBAR = {"displaylogo": False, "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]]}


@dataclass(frozen=True)
class Palette:
    """Colors of one theme, `#rrggbb`.

    Attributes:
        error: for errors.
        paper: the ground.
        series: of compared runs, safe for color-blind readers; dash styles distinguish them further.
        hues: nine distinguishable hues for groups (Paul Tol's muted and light schemes).
        steps: five from little to much (a part of viridis that shows on this ground).
    """

    accent: str
    quiet: str
    rule: str
    ink: str
    error: str
    paper: str
    series: tuple[str, ...]
    hues: tuple[str, ...]
    steps: tuple[str, ...]

    def series_color(self, number: int) -> str:
        """The color of a run of this number, from 0; beyond the last they begin again."""
        return self.series[number % len(self.series)]


PAPER = Palette(
    accent="#1f5b3a",
    quiet="#c6c2b5",
    rule="#d9d5c9",
    ink="#22261f",
    error="#a8432f",
    paper="#fcfbf8",
    series=("#1f5b3a", "#c07a1b", "#2f6fad", "#a8432f", "#7b4f9d", "#3d9a94", "#8a6d3b", "#5d625a"),
    hues=("#cc6677", "#332288", "#d1b23f", "#117733", "#62b5e5", "#882255", "#44aa99", "#8a8a1f", "#aa4499"),
    steps=("#b8cf3c", "#4fb86c", "#21918c", "#3b528b", "#440154"),
)
DARK = Palette(
    accent="#6fb98c",
    quiet="#50554c",
    rule="#3a3e37",
    ink="#e9e7df",
    error="#e08a76",
    paper="#131512",
    series=("#6fb98c", "#e3a857", "#7db4e6", "#e08a76", "#bd98dd", "#7fd3cc", "#cdb07a", "#a9aea4"),
    hues=("#ffaabb", "#77aadd", "#eedd88", "#44bb99", "#99ddff", "#ee8866", "#bbcc33", "#aaaa00", "#dddddd"),
    steps=("#3b528b", "#26828e", "#35b779", "#90d743", "#fde725"),
)


def palette(theme_type: str | None) -> Palette:
    """Colors of the chosen theme: "dark", or light for everything else."""
    return DARK if theme_type == "dark" else PAPER


def variables(colors: Palette) -> str:
    """CSS variables of the colors, for style sheets that do not know the theme."""
    return f"<style>:root {{ --hvit-accent: {colors.accent}; --hvit-paper: {colors.paper}; }}</style>"
