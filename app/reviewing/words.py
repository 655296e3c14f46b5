"""Texts on reviews and the labels they give. Pure functions, no drawing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from app.words import counted, shell_word
from hvit.batches.reviews import Labels, Review
from hvit.words import label_title

DECISIONS = {"not_a_leaf": "not a leaf", "unreadable": "unreadable", "unsure": "unsure"}


def decision(label: str, verdict: str) -> str:
    """A decision as text: a class, or the reason for none."""
    return label_title(label) if label else DECISIONS.get(verdict, verdict)


def decisions(reviews: Iterable[Review]) -> str:
    """Decisions of all reviewers on a photo: `Ana: rust; Ben: unsure`."""
    return "; ".join(f"{review.reviewer}: {decision(review.label, review.verdict)}" for review in reviews)


def labels_kept(labels: Labels, file: str) -> str:
    """Number of labels in the manifest, and of contested photos."""
    text = f"{file} holds {counted(len(labels.agreed), 'label')}, more with each decision."
    if labels.contested:
        is_left = "is" if len(labels.contested) == 1 else "are"
        text += f" {counted(len(labels.contested), 'photo')} {is_left} left out: reviewers differ."
    return text


def quick_command(manifest: str, run: str) -> str:
    """Command that trains a new head on the labels."""
    return f"python -m training.quick {manifest} --run {shell_word(run)} --run-dir runs/reviewed"


def finetune_command(manifest: str) -> str:
    """Command that trains all weights on them."""
    return (
        "python -m training.finetune --config training/configs/own_photos.yaml --run-dir runs/reviewed \\\n"
        f"    --set {shell_word(f'data.dirs=[{json.dumps(shlex.split(manifest)[0], ensure_ascii=False)}]')}"
    )
