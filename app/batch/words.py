"""Texts of the Batch page. Pure functions, no drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.batch.agreement import MODEL, Pair
from app.cache.batches import Scoring
from app.words import NBSP, counted, percent
from hvit.batches.results import Results
from hvit.data.classes import crop_of, crop_title
from hvit.scoring.agreement import Agreement
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
STORAGE = (
    "Uploaded photos are copied to {folder} on {computer} and kept there until you delete the batch. Photos of a "
    "folder stay where they are; nothing is copied and nothing is changed. No photo leaves {computer}."
)
LEVEL_LOST = (
    "Lists of candidates are as the model was calibrated, not at the level of {level} that was chosen: run {run} is "
    "gone or has other weights by now."
)
ABOUT_AGREEMENT = (
    "Kappa: 1 is perfect agreement, 0 what chance alone gives. Concordance (Lin): 1 only where both estimate the same "
    "area, not merely in proportion. Intervals of 95 %. Doubtful photos are reviewed first, and reviewers see what "
    "the model says: this is not its accuracy in the field."
)


def storage_note(folder: str, is_remote: bool) -> str:
    """Where photos of a batch are stored."""
    computer = "the computer that runs HViT" if is_remote else "this computer"
    transfer = " From this device they go there over the network, unencrypted." if is_remote else ""
    return STORAGE.format(folder=folder, computer=computer) + transfer


def progress(scoring: Scoring) -> str:
    """Progress in a sentence: `213 of 400 photos are scored, about 3 min 10 s left (2 threads)`."""
    if not scoring.waiting:
        return f"{counted(scoring.total, 'photo')}, all scored"
    text = f"{scoring.done:,} of {counted(scoring.total, 'photo')} are scored"
    if scoring.is_running:
        if scoring.left_s is None:
            return f"{text}. The model is getting ready."
        return f"{text}, about {duration(scoring.left_s)} left ({counted(scoring.threads, 'thread')})"
    return f"{text}. Stopped: what is done stays." if scoring.was_stopped else f"{text}. Interrupted."


def summary(results: Results) -> str:
    """Counts by verdict: `8 named, 2 not sure, 1 unfamiliar`; zeros are left out."""
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
    """Flags as text: `blurred, not like tomato`."""
    return ", ".join(FLAGS.get(name, name.replace("_", " ")) for name in names)


def level(alpha: float | None, own: float | None) -> str:
    """Label of an error level."""
    if alpha is None:
        return "as the model was calibrated" + ("" if own is None else f" ({100 * own:g}{NBSP}%)")
    return f"{100 * alpha:g}{NBSP}%"


def skipped_note(num_large: int, num_new: int, note: str | None) -> str | None:
    """Sentence on skipped files of an upload or a folder; None without any."""
    parts = [] if num_new else ["All of these photos are in the batch already."]
    if num_large:
        parts.append(f"{counted(num_large, 'file')} of more than 50 MB {'was' if num_large == 1 else 'were'} left out.")
    return " ".join([*parts, *([note] if note else [])]) or None


def reviewed(reviewer: str, count: int, total: int) -> str:
    """Progress of a reviewer: `Ana: 12 of 92 photos reviewed`."""
    return f"{reviewer}: {count:,} of {counted(total, 'photo')} reviewed"


def agreement(pair: Pair) -> list[str]:
    """Kappa and concordance of two raters in a sentence each."""
    first = pair.first[:1].upper() + pair.first[1:] if pair.first == MODEL else pair.first
    who = f"{first} and {pair.second}"
    sentences = []
    if pair.classes is not None:
        same = f"{100 * pair.classes.observed:.0f}{NBSP}% of {counted(pair.classes.n, 'photo')} alike"
        sentences.append(f"{who}, conditions: {same}; kappa {_coefficient(pair.classes)}.")
    if pair.area is not None:
        sentences.append(f"{who}, area: concordance {_coefficient(pair.area)}, {counted(pair.area.n, 'photo')}.")
    return sentences


def _coefficient(found: Agreement) -> str:
    if found.value is None:
        return "undefined, as all are alike"
    if found.low is None:
        return f"{found.value:.2f}, too few for an interval"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
