"""Texts of the Data page. Pure functions, no drawing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.words import counted, rate, shell_word
from hvit.data.classes import crops, spoken
from hvit.data.leafsim.address import AddressError, Span
from hvit.scoring.metrics import wilson
from hvit.words import PLANTS_UNKNOWN, capitalized

if TYPE_CHECKING:
    from hvit.data.inspection.balance import Balance
    from hvit.runs.snapshot import RunSnapshot

MOST_DRAWN = 4000
ROLES = {
    "train": "training",
    "select": "validation",
    "calibrate": "calibration",
    "cv": "cross-validation",
    "test": "test",
}


def noun(record: RunSnapshot) -> str:
    """Kind of training images, singular: "photo" or "drawn leaf"; photos where not recorded."""
    return "drawn leaves" if record.learned_from == {"drawings"} else "photos"


def class_label(name: str) -> str:
    """A class name in words; "healthy" is quoted from the data set."""
    return capitalized(spoken(name))


def learned_from(record: RunSnapshot, balance: Balance) -> str:
    """Training data of the run, in one sentence."""
    nouns, count = noun(record), balance.count(role="train") + balance.count(role="cv")
    sources = len(balance.sources) if balance.role_source else len(data_sets(record))
    places = f" of {counted(sources, 'data set')}" if sources > 1 else ""
    known = len(crops(record.classes))
    of = f", with {len(record.classes)} conditions" + (f" of {counted(known, 'crop')}" if known else "")
    of = of if record.classes else ", without labels"
    if balance.role_source is None:
        return f"{record.name} learned from {nouns}{places}{of}. How many of each class is not in this copy of the run."
    return f"{record.name} learned from {count:,} {nouns}{places}{of}."


def data_sets(record: RunSnapshot) -> list[str]:
    """Data sets as configured."""
    data = (record.config or {}).get("data")
    return [str(name) for name in (data.get("dirs") or [])] if isinstance(data, dict) else []


def plants_known(record: RunSnapshot, check: dict | None) -> bool | None:
    """Whether the plant of every photo is known: from the check of the data, else from the run."""
    found = (check or {}).get("plants_known")
    return found if isinstance(found, bool) else record.plants_known


def plants(known: bool | None) -> str:
    """Whether photos of one plant can be in both training and test."""
    if known is None:
        return "The run does not say whether plants were held out one by one."
    if known:
        return "Plants known: no plant is in both training and test."
    return f"{PLANTS_UNKNOWN}. Photos of one plant may be in both training and test."


def evenness(balance: Balance) -> str | None:
    """Class balance of the training data, in a sentence."""
    part = "train" if balance.count(role="train") else "cv"
    counts = {name: balance.count(label=name, role=part) for name in balance.classes}
    if len(counts) < 2 or not max(counts.values()):
        return None
    largest, smallest = max(counts, key=counts.get), min(counts, key=counts.get)
    if not counts[smallest]:
        return f"{class_label(smallest)} has nothing to learn from."
    factor = counts[largest] / counts[smallest]
    if factor < 1.5:
        return "The classes are about equally frequent."
    times = "twice" if round(factor) == 2 else f"{factor:.0f} times"
    return (
        f"The most frequent class, {class_label(largest)}, has {times} as many as the rarest, "
        f"{class_label(smallest)} ({counts[largest]:,} and {counts[smallest]:,} to learn from)."
    )


def findings(report: dict, nouns: str) -> list[tuple[str, str, bool]]:
    """Findings of the check: title, text, and whether it needs attention."""
    leaks, near = report["leaks"], report["near_duplicates"]["count"]
    across = leaks["exact"]["count"] + leaks["near"]["count"]
    copies, conflicts, broken = (
        report["exact_copies"]["count"],
        report["conflicting_labels"]["count"],
        len(report["unreadable"]),
    )
    lines = [
        (
            "Across splits",
            "No copy and no near-duplicate lies in two splits."
            if not across
            else f"{_found(leaks['exact']['count'], leaks['near']['count'])} in two splits: what was learned may be "
            "what was tested.",
            across > 0,
        ),
        (
            "Twice in one split",
            _twice(copies - leaks["exact"]["count"], near - leaks["near"]["count"]),
            False,
        ),
        (
            "One photo, two classes",
            "No exact copy has another class."
            if not conflicts
            else f"{counted(conflicts, 'exact copy', 'exact copies')} with another class: one of the labels is wrong.",
            conflicts > 0,
        ),
        (
            "Cannot be read",
            f"All {nouns} can be read." if not broken else f"{broken:,} {nouns} cannot be read.",
            broken > 0,
        ),
    ]
    if leaks["group"]["count"]:
        lines.insert(1, ("Plants across splits", f"{counted(leaks['group']['count'], 'plant')} in two splits.", True))
    return [*lines, background(report["background_control"], nouns)]


def _found(copies: int, pairs: int) -> str:
    """Counts in words: `2 exact copies and 11 pairs of near-duplicates`; zeros are left out."""
    parts = [counted(copies, "exact copy", "exact copies")] * (copies > 0)
    return " and ".join(parts + [f"{counted(pairs, 'pair')} of near-duplicates"] * (pairs > 0))


def _twice(copies: int, pairs: int) -> str:
    found = _found(copies, pairs)
    return f"{found} in one split: they count twice." if found else "No copy and no near-duplicate."


def background(control: dict | None, nouns: str) -> tuple[str, str, bool]:
    """Accuracy of a classifier on the corners of photos alone, in a sentence."""
    if control is None:
        return "Background alone", "Not told: it takes a training and a test split.", False
    low = wilson(round(control["top1"] * control["n"]), control["n"])[0]
    text = (
        f"Four corners of the photo alone classify {rate(control['top1'])} of {control['n']:,} test {nouns} "
        f"correctly; always answering the most frequent class, {rate(control['largest_class'])}."
    )
    if low > 1.5 * control["largest_class"]:
        return "Background alone", f"{text} The background gives the class away: a good score here says less.", True
    return "Background alone", text, False


def checked(report: dict, nouns: str) -> str:
    """Coverage of the report."""
    seen, known = report["photos_of_run_checked"], report["photos_of_run"]
    extent = f"all {known:,} {nouns} of this run" if seen == known else f"{seen:,} of the {known:,} {nouns} of this run"
    return f"Checked: {extent}. Near-duplicates are found by hash and thumbnail, mirrored ones too."


def check_command(record: RunSnapshot) -> str:
    """Command that records the check."""
    places = [_sample(name) for name in data_sets(record)] or ["path/to/photos"]
    return f"python -m hvit data check {' '.join(places)} --save-to {shell_word(record.name)}"


def _sample(name: str) -> str:
    """The same data set; of rendered leaves only as many as render in a few minutes."""
    try:
        span = Span.parse(name)
    except AddressError:
        return name
    return str(replace(span, last=min(span.last, span.first + MOST_DRAWN - 1)))


def pair_rows(report: dict) -> list[dict]:
    """Table of the pairs across two splits."""
    return [
        {"kind": kind, "first": first, "second": second}
        for kind, key in (("exact copy", "exact"), ("near-duplicate", "near"))
        for first, second in report["leaks"][key]["first"]
    ]


def table_rows(balance: Balance) -> list[dict]:
    """Rows by data set and class with a column a role, for a spreadsheet."""
    return [
        {"data_set": source, "class": label} | {role: balance.count(source, label, role) for role in balance.roles}
        for source in balance.sources
        for label in balance.classes
        if balance.count(source, label)
    ]


def licences(record: RunSnapshot) -> dict[str, str]:
    """Recorded licence of each data set."""
    data = (record.config or {}).get("data")
    recorded = (None if record.card is None else record.card.licences) or (
        data.get("licences") if isinstance(data, dict) else None
    )
    return {str(name): str(licence) for name, licence in (recorded or {}).items()}
