"""What is said about decisions of reviewers and the labels they leave. Pure functions, no drawing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from app.words import counted
from hvit.batches.reviews import Labels, Review
from hvit.words import class_title

DECISIONS = {"not_a_leaf": "not a leaf", "unreadable": "unreadable", "unsure": "unsure"}


def decision(label: str, verdict: str) -> str:
    """What a reviewer said of a photo: a class, or why there is none."""
    return class_title(label) if label else DECISIONS.get(verdict, verdict)


def decisions(reviews: Iterable[Review]) -> str:
    """The decisions of all reviewers about a photo in a line, each after the reviewer's name."""
    return "; ".join(f"{review.reviewer}: {decision(review.label, review.verdict)}" for review in reviews)


def labels_kept(labels: Labels, file: str) -> str:
    """How many labels the manifest has, and which photos it leaves out."""
    said = f"{file} holds {counted(len(labels.agreed), 'label')}, more with each decision."
    if labels.contested:
        is_left = "is" if len(labels.contested) == 1 else "are"
        said += f" {counted(len(labels.contested), 'photo')} {is_left} left out: reviewers differ."
    return said


def shell_word(text: str) -> str:
    """A text as one word of a command."""
    return shlex.quote(text)


def quick_command(manifest: str, run: str) -> str:
    """Command that trains a new head on the labels."""
    return f"python -m training.quick {manifest} --run {run} --run-dir runs/reviewed"


def finetune_command(manifest: str) -> str:
    """Command that trains all weights on them."""
    return (
        "python -m training.finetune --config training/configs/own_photos.yaml --run-dir runs/reviewed \\\n"
        f"    --set {shell_word(f'data.dirs=[{json.dumps(shlex.split(manifest)[0])}]')}"
    )
