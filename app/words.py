"""Texts that pages share. Pure functions, no drawing."""

import shlex
from collections.abc import Collection, Sequence

import hvit.words
from hvit.data.classes import crops
from hvit.words import counted as counted

NBSP = "\u00a0"
SPLITS = {"test": "test", "val": "validation", "cv": "cross-validation", "train": "training"}


def percent(fraction: float) -> str:
    """`94 %` that does not break at the end of a line."""
    return hvit.words.percent(fraction, space=NBSP)


def shell_word(text: str) -> str:
    """Quotes a text as one word of a shell command, where it needs quotes.

    >>> shell_word("leaf45-tiny"), shell_word("my run")
    ('leaf45-tiny', "'my run'")
    """
    return shlex.quote(text)


def joined(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def where_photos_go(is_remote: bool) -> str:
    """Where photos are processed and stored, after `Photos ` or `They `.

    Args:
        is_remote: whether the client is on another device, such as a phone.
    """
    if is_remote:
        return "go to the computer that runs HViT, over the network, and stay there."
    return "stay on this computer."


def knows(classes: Sequence[str], learned_from: Collection[str] = ()) -> str:
    """Classes of a run in words: `33 conditions, 9 crops`, `14 conditions of drawn leaves`."""
    count = len(crops(classes))
    text = f"{len(classes)} conditions" + (" of drawn leaves" if set(learned_from) == {"drawings"} else "")
    return f"{text}, {count} crop{'' if count == 1 else 's'}" if count else text


def training_images(learned_from: Collection[str]) -> str:
    """Training data of a run; "photos" too where not recorded."""
    if "drawings" not in learned_from:
        return "photos"
    return "photos and drawn leaves" if "photos" in learned_from else "drawn leaves"


def domain_mismatch(learned_from: Collection[str], is_rendered: bool, better: str | None) -> str | None:
    """Caveat where a run trained on rendered leaves gets a photo, or the reverse; else None.

    Args:
        better: name of a run that fits, if there is one.
    """
    if is_rendered and set(learned_from) == {"photos"}:
        caveat, advice = "This model learned from photos only.", f"For a drawn leaf choose {better}."
        without = "Its answer about a drawn leaf says little."
    elif not is_rendered and set(learned_from) == {"drawings"}:
        caveat, advice = "This model learned from drawn leaves only.", f"For a photo choose {better}."
        without = "It cannot judge a photo."
    else:
        return None
    return f"{caveat} {advice if better else without}"


def rate(fraction: float) -> str:
    """Formats a proportion: `89.1 %`."""
    return f"{100 * fraction:.1f}{NBSP}%"


def between(interval: tuple[float, float]) -> str:
    """Formats an interval of proportions: `87.6 to 90.5 %`."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}{NBSP}%"


def split_title(split: str) -> str:
    """`Test pictures`, `Pictures of field-2026`."""
    return f"{SPLITS[split].capitalize()} pictures" if split in SPLITS else f"Pictures of {split}"
