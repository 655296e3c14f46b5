"""What the Batch page says. Pure functions, no drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.cache.batches import Scoring
from app.words import NBSP, counted, percent
from hvit.batches.results import Results
from hvit.data.classes import crop_of, crop_title
from hvit.words import class_in_text, class_title, duration

VERDICTS = {
    "named": "Named",
    "unsure": "Not sure",
    "unfamiliar": "Unfamiliar",
    "unreadable": "Unreadable",
    "waiting": "Waiting",
}
FLAGS = {
    "blurred": "blurred",
    "dark": "dark",
    "bright": "overexposed",
    "tiny": "very small",
    "animated": "moving picture",
    "no_bands": "no bands",
}
DECISIONS = {"not_a_leaf": "not a leaf", "unreadable": "unreadable", "unsure": "unsure"}
KEPT = (
    "Uploaded photos are copied to {folder} on {computer} and kept there until you delete the batch. Photos of a "
    "folder stay where they are; nothing is copied and nothing is changed. No photo leaves {computer}."
)


def where_kept(folder: str, from_elsewhere: bool) -> str:
    """What becomes of the photos of a batch."""
    return KEPT.format(folder=folder, computer="the computer that runs HViT" if from_elsewhere else "this computer")


def progress(scoring: Scoring) -> str:
    """`213 of 400 photos are scored, about 3 min 10 s left (2 threads)`."""
    if not scoring.waiting:
        return f"{counted(scoring.total, 'photo')}, all scored"
    said = f"{scoring.done:,} of {counted(scoring.total, 'photo')} are scored"
    if scoring.is_running:
        if scoring.left_s is None:
            return f"{said}. The model is getting ready."
        return f"{said}, about {duration(scoring.left_s)} left ({counted(scoring.threads, 'thread')})"
    return f"{said}. Stopped: what is done stays." if scoring.was_stopped else f"{said}. Interrupted."


def summary(results: Results) -> str:
    """`8 named, 2 not sure, 1 unfamiliar`; kinds that do not occur are left out."""
    counts = Counter(results.verdicts.tolist())
    return ", ".join(f"{counts[kind]:,} {title.lower()}" for kind, title in VERDICTS.items() if counts[kind])


def crop(label: str | None) -> str:
    """The crop of a class as a title; empty where it has none."""
    return "" if label is None else crop_title(crop_of(label)) if crop_of(label) else ""


def condition(label: str | None) -> str:
    """The condition of a class, without its crop: `late blight`, `no disease I know`."""
    return "" if label is None else class_in_text(label).partition(": ")[2] or class_in_text(label)


def others(candidates: Sequence[tuple[str, float]]) -> str:
    """The candidates after the first with their probabilities."""
    return ", ".join(f"{class_title(name)} {percent(p)}" for name, p in candidates[1:4]) + (
        f", +{len(candidates) - 4}" if len(candidates) > 4 else ""
    )


def flags(names: Sequence[str]) -> str:
    """`blurred, not like tomato`."""
    return ", ".join(FLAGS.get(name, name.replace("_", " ")) for name in names)


def decision(label: str, verdict: str) -> str:
    """What a reviewer said of a photo: a class, or why there is none."""
    return class_title(label) if label else DECISIONS.get(verdict, verdict)


def area(fraction: float, low: float, high: float) -> str:
    """`Discolored area 18 % (15 to 22 %)`."""
    if low != low or high != high:  # not measured
        return f"Discolored area {percent(fraction)}"
    return f"Discolored area {percent(fraction)} ({100 * low:.0f} to {100 * high:.0f}{NBSP}%)"


def level(alpha: float | None, own: float | None) -> str:
    """A level of prediction sets as an option."""
    if alpha is None:
        return "as the model was calibrated" + ("" if own is None else f" ({100 * own:g}{NBSP}%)")
    return f"{100 * alpha:g}{NBSP}%"


def not_added(num_large: int, num_new: int, note: str | None) -> str | None:
    """What was left out of an upload or a folder, in one line; None where nothing was."""
    said = [] if num_new else ["All of these photos are in the batch already."]
    if num_large:
        said.append(f"{counted(num_large, 'file')} of more than 50 MB {'was' if num_large == 1 else 'were'} left out.")
    return " ".join([*said, *([note] if note else [])]) or None
