"""Fonts of this computer for names in any alphabet, with numbers in place of names that no font can write."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FAMILIES = ("Arial", "Liberation Sans", "DejaVu Sans")  # the last comes with matplotlib
# Where a letter is in none of those, in this order; then whatever other font has it.
FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC", "Noto Sans SC", "Noto Sans JP",
    "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Microsoft YaHei", "SimHei", "SimSun", "PingFang SC", "Hiragino Sans GB", "Heiti TC", "STHeiti", "Yu Gothic",
    "Hiragino Sans", "IPAexGothic", "Malgun Gothic", "Apple SD Gothic Neo", "NanumGothic", "Arial Unicode MS",
)  # fmt: skip
BOXES = ("last resort", ".lastresort", "adobe blank", "unicode bmp fallback")  # have every letter, as the same box
SHAPED_FROM = (3, 11)  # from this matplotlib on, writing that joins its letters or runs to the left comes out right


@dataclass(frozen=True)
class Labels:
    """Names as a figure can show them.

    Attributes:
        drawn: each name, or its number, from 1, where no font has its characters, (N,).
        numbered: places of the names that became numbers.
        names: all of them, (N,).
    """

    drawn: tuple[str, ...]
    numbered: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def caption(self) -> str:
        """`2 = name; 3 = name.` for the caption; empty where all names are drawn."""
        listed = "; ".join(f"{k + 1} = {self.names[k]}" for k in self.numbered)
        return f"Named by number: {listed}." if listed else ""

    @property
    def note(self) -> str | None:
        """Note for the user of a figure with numbered names; None where all names are shown."""
        if not self.numbered:
            return None
        listed = "; ".join(f"{k + 1} = {self.names[k]}" for k in self.numbered)
        return (
            f"no font of this computer can write {len(self.numbered)} of {len(self.names)} names, which are drawn as "
            f"numbers: {listed}; install a font that has their letters, such as Noto Sans CJK"
        )


def figure_labels(names: Sequence[str]) -> Labels:
    """Replaces names that no font of this computer can write by numbers."""
    numbered = tuple(k for k, name in enumerate(names) if not can_write(name))
    drawn = tuple(str(k + 1) if k in numbered else name for k, name in enumerate(names))
    return Labels(drawn, numbered, tuple(names))


def can_write(text: str) -> bool:
    """Whether a font has all characters of a text, and renders them in the right order."""
    letters = frozenset(letter for letter in text if not letter.isspace())
    if any(map(_needs_shaping, letters)) and _matplotlib_version() < SHAPED_FROM:
        return False
    return all(_font_with(letter) is not None for letter in letters)


def families_for(texts: Sequence[str] = ()) -> list[str]:
    """Font families for matplotlib: the default, and those with the characters it lacks."""
    first = next(name for name in FAMILIES if name in _files())
    letters = sorted({letter for text in texts for letter in text if not letter.isspace()})
    others = [font for letter in letters if (font := _font_with(letter)) is not None]
    return list(dict.fromkeys([first, FAMILIES[-1], *others]))


def drawing_font(texts: Sequence[str], size_px: int) -> "FreeTypeFont":
    """Font for Pillow with all characters of some texts; Pillow's default for plain ASCII.

    Pillow has no fallback fonts: of several scripts in the texts, only those of a single font are shown.
    """
    from PIL import ImageFont

    if all(map(str.isascii, texts)):
        return cast("FreeTypeFont", ImageFont.load_default(size_px))
    letters = {letter for text in texts for letter in text if not letter.isspace()}
    # Those of the letters that are hardest to find come first: a font of ideographs has the Latin ones too.
    found = dict.fromkeys(font for letter in sorted(letters, reverse=True) if (font := _font_with(letter)))
    best = max(found or [FAMILIES[-1]], key=lambda font: len(letters & _letters_of(_files()[font])))
    return ImageFont.truetype(_files()[best], size_px)


def _needs_shaping(letter: str) -> bool:
    """Whether a character is written right to left, or joins with its neighbors."""
    return unicodedata.bidirectional(letter) in ("R", "AL") or unicodedata.category(letter) in ("Mn", "Mc", "Cf")


def _matplotlib_version() -> tuple[int, int]:
    import matplotlib

    return matplotlib.__version_info__[:2]


@cache
def _files() -> dict[str, str]:
    """Font file by family: the upright, regular face."""
    from matplotlib import font_manager

    plain = (face for face in font_manager.fontManager.ttflist if face.style == "normal" and face.variant == "normal")
    by_weight = sorted(plain, key=lambda face: (abs(_weight(face.weight) - 400), face.name, face.fname))
    return {face.name: face.fname for face in reversed(by_weight) if not face.name.lower().startswith(BOXES)}


def _weight(weight: int | str) -> int:
    from matplotlib.font_manager import weight_dict

    return weight_dict[weight] if isinstance(weight, str) else int(weight)


@cache
def _letters_of(file: str) -> frozenset[str]:
    from matplotlib.font_manager import get_font

    return frozenset(map(chr, get_font(file).get_charmap()))


@cache
def _font_with(letter: str) -> str | None:
    """The first family with a character; None without any."""
    known = [name for name in (*FAMILIES, *FALLBACKS) if name in _files()]
    others = sorted(_files().keys() - set(known))
    return next((name for name in (*known, *others) if letter in _letters_of(_files()[name])), None)
