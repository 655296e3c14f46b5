"""Intended uses and limitations of a run, derived from its classes and its data."""

from __future__ import annotations

from collections.abc import Sequence

from hvit.data.classes import crop_of, crop_title, crops, is_healthy
from hvit.runs.snapshot import RunSnapshot


def intended_uses(record: RunSnapshot) -> list[str]:
    """Intended uses."""
    if record.kind == "pretrain":
        return ["A start for training on labelled photos; by itself it names nothing."]
    if not record.classes:
        return []
    if record.learned_from == {"drawings"}:
        return ["Trying the program without photos, comparing ways of training, and as a start for training on photos."]
    known = crops(record.classes)
    named = _joined([crop_title(crop).lower() for crop in known]) if known else "plants like those it learned from"
    return [f"A first opinion on photos of single leaves of {named}."]


def out_of_scope_uses(record: RunSnapshot) -> list[str]:
    """Out-of-scope uses, derived from its classes and its data."""
    if not record.classes:
        return []
    sentences = []
    if record.learned_from == {"drawings"}:
        sentences.append("Photos of real leaves: it never saw one.")
    known = crops(record.classes)
    if known:
        sentences.append("Other crops, and conditions that are not in its list: it would give them one of its names.")
    else:
        sentences.append("Conditions that are not in its list: it would give them one of its names.")
    unseen = [crop for crop in known if not any(is_healthy(c) for c in record.classes if crop_of(c) == crop)]
    if unseen:
        sentences.append(f"Healthy leaves of {_joined(unseen)}: it never saw one, and would call it diseased.")
    single = [crop for crop in known if sum(crop_of(c) == crop for c in record.classes) == 1]
    if single:
        sentences.append(f"Telling conditions of {_joined(single)} apart: it knows one.")
    sentences.append("Two diseases on one leaf, early infection, roots, stems and the underside.")
    if record.card is None or record.card.severity is None:
        sentences.append("How severe a disease is: it has no segmentation head.")
    sentences.append("Deciding alone: a model's answer is not a plant pathologist's.")
    return sentences


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
