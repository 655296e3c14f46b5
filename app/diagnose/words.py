"""Texts of the Diagnose page, in plain words. Pure functions, no drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import hvit.words
from app.words import percent, training_images
from hvit.data.classes import crop_of, crop_title, crops, is_healthy
from hvit.data.datasets.folders import listed
from hvit.severity.words import severity_sentences, severity_summary
from hvit.words import NEAR_LIMIT, OTHER_CROP, class_in_text, class_title, flag_sentence

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
    """Headline of a diagnosis: bold words, and the rest of the sentence; `name` is the file name."""
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
    """Sentence under the headline; None where the headline suffices."""
    if diagnosis.verdict == "unsure":
        if len(diagnosis.prediction_set) > 2:
            return hvit.words.too_many_classes_advice(diagnosis.probabilities)
        pair = [f"{class_in_text(c)} {percent(diagnosis.probabilities[c])}" for c in diagnosis.prediction_set]
        one_crop = len({crop_of(c) for c in diagnosis.prediction_set}) == 1
        both_sick = not any(is_healthy(c) for c in diagnosis.prediction_set)
        both = hvit.words.capitalized(" or ".join(pair)) + "."
        return both + (" A leaf can also carry both." if one_crop and both_sick else "")
    if diagnosis.verdict == "named" and is_healthy(diagnosis.label):
        return NOT_A_LIST_OF_ALL
    return None


def cards_link(diagnosis: Diagnosis) -> str:
    """Text of the link to the tell-apart cards."""
    return "How to tell them apart" if len(diagnosis.prediction_set) > 1 else "Signs, look-alikes, what to check next"


def summary_sentence(diagnosis: Diagnosis, name: str) -> str:
    """Headline and the sentence under it, for a report."""
    bold, rest = headline(diagnosis, name)
    return " ".join(part for part in (bold + rest, below_headline(diagnosis)) if part)


def area_sentences(diagnosis: Diagnosis) -> list[str]:
    """Measured area of symptoms, or why it was not measured; empty without a diagnosis."""
    if diagnosis.verdict in ("unreadable", "unfamiliar"):
        return []
    return severity_sentences(diagnosis.severity, diagnosis.severity_reason)


def area_headline(diagnosis: Diagnosis) -> list[str]:
    """The measured area, with the caveat where lesions of the crop were never validated; or why there is none."""
    if diagnosis.severity is None:
        return area_sentences(diagnosis)
    return severity_summary(diagnosis.severity, diagnosis.severity_reason)


def area_details(diagnosis: Diagnosis) -> list[str]:
    """Sentences on the area that are not in its headline."""
    headline = area_headline(diagnosis)
    return [text for text in area_sentences(diagnosis) if text not in headline]


def copies(names: Mapping[str, str]) -> str | None:
    """Sentence on files with identical bytes, which are listed once; None without any.

    Args:
        names: of the duplicates, with the name of the file that is listed.
    """
    if not names:
        return None
    files = listed([f"{name} (as {first})" for name, first in names.items()], MOST_COPIES)
    return f"The same file under another name, listed once: {files}."


def others_succeeded(count: int) -> str:
    """Sentence beside an unreadable photo: the others are not lost."""
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
    """Short verdict, for the bar of a phone."""
    return "".join(headline(diagnosis, name)) if diagnosis.verdict == "named" else list_line(diagnosis)


def summary(diagnoses: Iterable[Diagnosis], num_rendered: int = 0) -> str:
    """Counts by verdict: `12 photos: 8 named, 2 unsure, 1 unfamiliar, 1 unreadable`; zeros are left out.

    Args:
        num_rendered: number of rendered leaves among them.
    """
    counts = Counter(d.verdict for d in diagnoses)
    num_photos = sum(counts.values()) - num_rendered
    things = [_counted(num_photos, "photo", "photos"), _counted(num_rendered, "drawn leaf", "drawn leaves")]
    kinds = [f"{counts[kind]} {kind}" for kind in ("named", "unsure", "unfamiliar", "unreadable") if counts[kind]]
    return f"{' and '.join(thing for thing in things if thing)}: {', '.join(kinds)}"


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}" if count else ""


def class_caveats(diagnosis: Diagnosis, classes: Sequence[str]) -> list[str]:
    """Caveats that follow from the classes of the run: crops with one class, or without a healthy one."""
    sentences = []
    for crop in dict.fromkeys(crop_of(name) for name in diagnosis.prediction_set):
        own = [name for name in classes if crop_of(name) == crop]
        if not crop and len(own) < len(classes):
            continue  # a class of no crop among those of crops, such as "animal": no leaf is meant
        if len(own) == 1:
            known = f"I know one condition of {crop}" if crop else "I know one condition"
            sentences.append(f"{known}. This shows resemblance, not a diagnosis.")
        if not any(is_healthy(name) for name in own):
            sentences.append(
                f"This model never saw a healthy {crop}{' ' if crop else ''}leaf: it would call one diseased."
            )
    return sentences


def closed_set_caveat(diagnosis: Diagnosis, classes: Sequence[str]) -> str | None:
    """Caveat that the classes are a closed set, for runs whose classes name no crops; None for a healthy prediction."""
    count = sum(not is_healthy(name) for name in classes)
    if crops(classes) or count < 2 or is_healthy(diagnosis.label):
        return None
    return f"Not one of my {count} diseases? Then this answer is wrong."


def photo_remarks(diagnosis: Diagnosis, is_rendered: bool = False) -> list[str]:
    """Why a photo is nearly unfamiliar, and its quality flags with advice; other advice for rendered leaves."""
    flags = [DRAWN_FLAGS[flag] if is_rendered and flag in DRAWN_FLAGS else _flag(flag) for flag in diagnosis.flags]
    return [NEAR_LIMIT, *flags] if diagnosis.near_limit else flags


def _flag(flag: str) -> str:
    question = " Is the choice above right?" if flag.startswith(OTHER_CROP) else ""
    return f"{flag_sentence(flag)}{question}"


def probability_sentences(diagnosis: Diagnosis, track_record: TrackRecord) -> list[str]:
    """Meaning of probabilities and prediction sets, from the recorded evaluation of the run."""
    if diagnosis.verdict == "unfamiliar":
        return [
            f"This lies farther from the {_training_images(track_record)} I learned from than I accept. "
            "Any name would be a guess."
        ]
    if track_record.calibrated:
        others = (
            _test_photos(track_record)
            if track_record.evaluated_on == "cv"
            else f"{_training_images(track_record)} I did not learn from"
        )
        sentences = [f"The bars are chances, set on {others}: of answers at 80 %, about 80 in 100 hold."]
    else:
        sentences = ["This model was not calibrated: read the bars as an order, not as chances."]
    if diagnosis.verdict == "named" and track_record.named_correct:
        count = track_record.named_correct
        sentences.append(
            f"Of 100 {_test_photos(track_record)} with a score like this, {_in_100(count.share)} were named rightly "
            f"(n = {count.n:,})."
        )
    if diagnosis.verdict == "unsure" and track_record.set_coverage:
        count = track_record.set_coverage
        sentences.append(
            f"Lists made this way held the right name for {_in_100(count.share)} of 100 {_test_photos(track_record)} "
            f"(n = {count.n:,})."
        )
    return sentences + field_sentences(diagnosis, track_record)


def field_sentences(diagnosis: Diagnosis, track_record: TrackRecord) -> list[str]:
    """The same counts on field photos; empty where the run does not record which photos those are."""
    found, crop = track_record.field, crop_of(diagnosis.label)
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


def field_accuracy_sentence(crop: str, track_record: TrackRecord) -> str | None:
    """Top-1 accuracy on field photos of a crop; None where the run records no field photos."""
    found = track_record.field
    if found is None:
        return None
    photos = f"field photos of {crop.replace('_', ' ')}" if crop else "field photos"
    if found.n == 0:
        return f"No {photos.replace('photos', 'photo', 1)} was ever tested: outdoors, expect less."
    if found.top1 is None:
        return f"Only {found.n:,} {photos} were tested: too few for a number."
    return f"On {photos}: right for {_in_100(found.top1.share)} of 100 (n = {found.top1.n:,})."


def distance_sentence(diagnosis: Diagnosis, track_record: TrackRecord) -> str:
    """Out-of-distribution score of the photo, and its threshold.

    Some scores can be negative; a lower score means more familiar for all of them.
    """
    return (
        f"Distance from the {_training_images(track_record)} I learned from: {diagnosis.ood_score:.2f}. "
        f"Usual: up to {track_record.ood_threshold:.2f}."
    )


def accuracy_sentence(crop: str, track_record: TrackRecord) -> str:
    """Top-1 accuracy on evaluated photos of a crop; on all photos in a run without crops."""
    right, n = _in_100(track_record.top1.share), f"(n = {track_record.top1.n:,})"
    text = f"the first name was right for {right} of 100 {_test_photos(track_record)} {n}."
    return f"{crop_title(crop)}: {text}" if crop else hvit.words.capitalized(text)


def _training_images(track_record: TrackRecord) -> str:
    return training_images(track_record.learned_from)


def _test_photos(track_record: TrackRecord) -> str:
    if track_record.evaluated_on == "cv":
        return f"{_training_images(track_record)} held out in turn"
    return (
        f"test {_training_images(track_record)}"
        if _training_images(track_record) == "photos"
        else f"{_training_images(track_record)} kept for the test"
    )


def _in_100(share: float) -> str:
    return f"{100 * share:.0f}"
