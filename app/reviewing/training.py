"""Labels from reviews: their number, the manifest, and commands that train on it."""

from __future__ import annotations

import streamlit as st

from app.cache.folders import relative_to_project
from app.reviewing import words
from app.widgets import sentence
from app.words import counted, shell_word
from hvit.batches.layout import VERDICTS
from hvit.batches.reviews import Review, Reviewed, agreed_labels


def train_on_labels(reviewed: Reviewed, reviews: list[Review], run: str) -> None:
    """Expander with the manifest of agreed labels and commands to train on it; nothing before the first label.

    Args:
        run: that the new head starts from.
    """
    labels = agreed_labels(reviews)
    if not labels.agreed and not labels.contested:
        return
    with st.expander(f"Train on these labels ({len(labels.agreed):,})"):
        sentence(words.labels_kept(labels, f"{reviewed.path.name}/{VERDICTS}"), "below")
        if len({review.label for review in labels.agreed.values()}) < 2:
            sentence("Training needs photos of at least two conditions.", "standing")
        else:
            place = shell_word(relative_to_project(reviewed.path / VERDICTS))
            st.write("A new head for the same model, in about a minute:")
            st.code(words.quick_command(place, run), language="bash")
            st.write("All of its weights, in an hour or more:")
            st.code(words.finetune_command(place), language="bash")
        file = reviewed.path / VERDICTS
        if file.exists():
            title = f"{VERDICTS} ({counted(len(labels.agreed), 'label')})"
            st.download_button(title, file.read_bytes(), VERDICTS, "text/csv", on_click="ignore", key="verdicts_csv")
