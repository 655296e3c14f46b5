"""What the Diagnose page says: a diagnosis in people's words. Pure functions, no drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import hvit.words
from app.words import material, percent
from hvit.data.classes import crop_of, crop_title, crops, is_healthy
from hvit.data.datasets.folders import listed
from hvit.severity.words import severity_sentences
from hvit.words import OTHER_CROP, class_in_text, class_title, flag_sentence

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.scoring.track_record import TrackRecord

MOST_COPIES = 20  # named
NOT_A_LIST_OF_ALL = "I do not see early infection, roots, stems or the underside."

DRAWN_FLAGS = {
    "blurred": "Drawn out of focus.",
    "dark": "Drawn in little light.",
    "bright": "Drawn overexposed.",
    "tiny": "A very small part of the drawing: cut out a larger one.",
}


def headline(diagnosis: Diagnosis, name: str) -> tuple[str, str]:
    """The verdict, large: words in bold, and what follows them. `name` is the file's, told where it is unreadable."""
    if diagnosis.verdict == "unreadable":
        return f"{name} cannot be read:", f" {diagnosis.error}"
    if diagnosis.verdict == "unsure":
        count = len(diagnosis.prediction_set)
        most = "Most likely one of these:"
        return (f"I am not sure. {most}", "") if count == 2 else (f"I am not sure: {count} are possible.", "")
    if diagnosis.verdict == "named" and not is_healthy(diagnosis.label):
        return class_title(diagnosis.label), f", {percent(diagnosis.probability)}"
    return diagnosis.message, ""


def below_headline(diagnosis: Diagnosis) -> str | None:
    """The sentence under the verdict, or None where the verdict says all."""
    if diagnosis.verdict == "unsure":
        if len(diagnosis.prediction_set) > 2:
            return hvit.words.way_out(diagnosis.probabilities)
        pair = [f"{class_in_text(c)} {percent(diagnosis.probabilities[c])}" for c in diagnosis.prediction_set]
        one_crop = len({crop_of(c) for c in diagnosis.prediction_set}) == 1
        both_sick = not any(is_healthy(c) for c in diagnosis.prediction_set)
        told = hvit.words.capitalized(" or ".join(pair)) + "."
        return told + (" A leaf can also carry both." if one_crop and both_sick else "")
    if diagnosis.verdict == "named" and is_healthy(diagnosis.label):
        return NOT_A_LIST_OF_ALL
    return None


def what_to_look_for(diagnosis: Diagnosis) -> str:
    """The link to the tell-apart cards."""
    return "How to tell them apart" if len(diagnosis.prediction_set) > 1 else "Signs, look-alikes, what to check next"


def one_sentence(diagnosis: Diagnosis, name: str) -> str:
    """Headline and what follows it, for a report."""
    bold, rest = headline(diagnosis, name)
    return " ".join(part for part in (bold + rest, below_headline(diagnosis)) if part)


def area_sentences(diagnosis: Diagnosis) -> list[str]:
    """The measured area of symptoms, or why there is none; nothing where there is no diagnosis."""
    if diagnosis.verdict in ("unreadable", "unfamiliar"):
        return []
    return severity_sentences(diagnosis.severity, diagnosis.severity_reason)


def copies(names: Mapping[str, str]) -> str | None:
    """Which files have the bytes of another and are no rows of their own; None for none.

    Args:
        names: of these files, with the name under which their bytes are listed.
    """
    if not names:
        return None
    told = listed([f"{name} (as {first})" for name, first in names.items()], MOST_COPIES)
    return f"The same file under another name, listed once: {told}."


def others_are_done(count: int) -> str:
    """Said beside a photo that cannot be read, so that nobody thinks the rest is lost."""
    return "The other photo is done." if count == 1 else f"The other {count} photos are done."


def list_line(diagnosis: Diagnosis) -> str:
    """One line beside a thumbnail."""
    if diagnosis.verdict == "unreadable":
        return f"Cannot be read: {diagnosis.error}"
    if diagnosis.verdict == "unfamiliar":
        return "Unfamiliar"
    if diagnosis.verdict == "unsure":
        first, others = diagnosis.prediction_set[0], len(diagnosis.prediction_set) - 1
        name = class_title(first).replace(": ", " ", 1)
        return f"Unsure: {name} {percent(diagnosis.probabilities[first])}, +{others}"
    return class_title(diagnosis.label)


def short_verdict(diagnosis: Diagnosis, name: str) -> str:
    """The verdict in few words, for the bar of a phone."""
    return "".join(headline(diagnosis, name)) if diagnosis.verdict == "named" else list_line(diagnosis)


def summary(diagnoses: Iterable[Diagnosis], num_drawn: int = 0) -> str:
    """`12 photos: 8 named, 2 unsure, 1 unfamiliar, 1 unreadable`; kinds that do not occur are left out.

    Args:
        num_drawn: how many of them are drawn leaves.
    """
    counts = Counter(d.verdict for d in diagnoses)
    num_photos = sum(counts.values()) - num_drawn
    things = [_counted(num_photos, "photo", "photos"), _counted(num_drawn, "drawn leaf", "drawn leaves")]
    kinds = [f"{counts[kind]} {kind}" for kind in ("named", "unsure", "unfamiliar", "unreadable") if counts[kind]]
    return f"{' and '.join(thing for thing in things if thing)}: {', '.join(kinds)}"


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}" if count else ""


def never_seen(diagnosis: Diagnosis, classes: Sequence[str]) -> list[str]:
    """What the run cannot know about the crops it names here, read off its classes."""
    said = []
    for crop in dict.fromkeys(crop_of(name) for name in diagnosis.prediction_set):
        own = [name for name in classes if crop_of(name) == crop]
        if not crop and len(own) < len(classes):
            continue  # a class of no crop among those of crops, such as "animal": no leaf is meant
        if len(own) == 1:
            known = f"I know one condition of {crop}" if crop else "I know one condition"
            said.append(f"{known}. This shows resemblance, not a diagnosis.")
        if not any(is_healthy(name) for name in own):
            said.append(f"This model never saw a healthy {crop}{' ' if crop else ''}leaf: it would call one diseased.")
    return said


def doubt(diagnosis: Diagnosis, classes: Sequence[str]) -> str | None:
    """The standing doubt under a disease named by a run without crops; None where the answer claims no disease."""
    count = sum(not is_healthy(name) for name in classes)
    if crops(classes) or count < 2 or is_healthy(diagnosis.label):
        return None
    return f"Not one of my {count} diseases? Then this answer is wrong."


def flag_sentences(flags: Iterable[str], is_drawn: bool = False) -> list[str]:
    """What was noticed about the photo itself, with what to do; no one can take a drawn leaf again."""
    return [DRAWN_FLAGS[flag] if is_drawn and flag in DRAWN_FLAGS else _flag(flag) for flag in flags]


def _flag(flag: str) -> str:
    question = " Is the choice above right?" if flag.startswith(OTHER_CROP) else ""
    return f"{flag_sentence(flag)}{question}"


def meaning_of_the_bars(diagnosis: Diagnosis, facts: TrackRecord) -> list[str]:
    """What a probability and a list of names are worth, as counted on the photos the run was evaluated on."""
    if diagnosis.verdict == "unfamiliar":
        return [
            f"This lies farther from the {_material(facts)} I learned from than I accept. Any name would be a guess."
        ]
    if facts.calibrated:
        others = _tested(facts) if facts.evaluated_on == "cv" else f"{_material(facts)} I did not learn from"
        said = [f"The bars are chances, set on {others}: of answers at 80 %, about 80 in 100 hold."]
    else:
        said = ["This model was not calibrated: read the bars as an order, not as chances."]
    if diagnosis.verdict == "named" and facts.named_correct:
        count = facts.named_correct
        said.append(
            f"Of 100 {_tested(facts)} with a score like this, {_in_100(count.share)} were named rightly "
            f"(n = {count.n:,})."
        )
    if diagnosis.verdict == "unsure" and facts.set_coverage:
        count = facts.set_coverage
        said.append(
            f"Lists made this way held the right name for {_in_100(count.share)} of 100 {_tested(facts)} "
            f"(n = {count.n:,})."
        )
    return said + field_sentences(diagnosis, facts)


def field_sentences(diagnosis: Diagnosis, facts: TrackRecord) -> list[str]:
    """What was counted outdoors, or that nothing was; empty where the run does not say which photos those are."""
    found, crop = facts.field, crop_of(diagnosis.label)
    if found is None:
        return []
    photos = f"field photos of {crop.replace('_', ' ')}" if crop else "field photos"
    if found.n == 0:
        return [f"No {photos.replace('photos', 'photo', 1)} was ever tested: outdoors, expect less."]
    if diagnosis.verdict == "named" and found.named_correct:
        count, what = found.named_correct, f"{photos} that were named, {{}} were named rightly"
    elif diagnosis.verdict == "unsure" and found.set_coverage:
        count, what = found.set_coverage, f"{photos}, {{}} had the right name in their list"
    else:
        return [f"Only {found.n:,} {photos} were tested: too few to count answers like this one."]
    return [f"Of 100 {what.format(_in_100(count.share))} (n = {count.n:,})."]


def field_accuracy(crop: str, facts: TrackRecord) -> str | None:
    """How often the first name was right on field photos of a crop; None where the run names none."""
    found = facts.field
    if found is None:
        return None
    photos = f"field photos of {crop.replace('_', ' ')}" if crop else "field photos"
    if found.n == 0:
        return f"No {photos.replace('photos', 'photo', 1)} was ever tested: outdoors, expect less."
    if found.top1 is None:
        return f"Only {found.n:,} {photos} were tested: too few for a number."
    return f"On {photos}: right for {_in_100(found.top1.share)} of 100 (n = {found.top1.n:,})."


def distance(diagnosis: Diagnosis, facts: TrackRecord) -> str:
    """How far the photo lies from those the model learned from, and what is usual.

    Of the distances that models use, some can be negative: a number below the usual one says familiar in all of them.
    """
    return (
        f"Distance from the {_material(facts)} I learned from: {diagnosis.ood_score:.2f}. "
        f"Usual: up to {facts.ood_threshold:.2f}."
    )


def accuracy_sentence(crop: str, facts: TrackRecord) -> str:
    """How often the first name was right on evaluated photos of a crop; of all in a run without crops."""
    right, n = _in_100(facts.top1.share), f"(n = {facts.top1.n:,})"
    told = f"the first name was right for {right} of 100 {_tested(facts)} {n}."
    return f"{crop_title(crop)}: {told}" if crop else hvit.words.capitalized(told)


def _material(facts: TrackRecord) -> str:
    return material(facts.learned_from)


def _tested(facts: TrackRecord) -> str:
    if facts.evaluated_on == "cv":
        return f"{_material(facts)} held out in turn"
    return f"test {_material(facts)}" if _material(facts) == "photos" else f"{_material(facts)} kept for the test"


def _in_100(share: float) -> str:
    return f"{100 * share:.0f}"
