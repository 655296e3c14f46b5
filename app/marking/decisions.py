"""Buttons for the decisions of a reviewer, each with its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from app import state
from hvit.batches.reviews import LABEL, NOT_A_LEAF, NOT_SURE, RIGHT, UNREADABLE, Review
from hvit.words import class_title

MOST_KEYS = 5  # candidates that have a key of their own
WITHOUT_LABEL = ((NOT_A_LEAF, "Not a leaf", "n"), (UNREADABLE, "Unreadable", "x"), (NOT_SURE, "Unsure", "u"))


@dataclass(frozen=True)
class Subject:
    """What is to be decided.

    Attributes:
        key: tells its widgets from those of other photos.
        blank: the review that a decision completes: reviewer, photo, and what the run predicts.
        candidates: class names, each with the title of its button.
        classes: other labels to choose from; new ones can be typed.
    """

    key: str
    blank: Review
    candidates: Sequence[tuple[str, str]]
    classes: Sequence[str]


def decision_buttons(subject: Subject, keep: Callable[[Review], None]) -> None:
    """An estimate of the area, the candidates, another label, and what is no label.

    Args:
        keep: stores a decision; called before the rerun.
    """
    area = st.number_input(
        "Discolored area as you see it, % (may stay empty)", 0.0, 100.0, None, 1.0, format="%g",
        key=f"area_{subject.key}",
    )  # fmt: skip
    blank = replace(subject.blank, area=None if area is None else area / 100)
    with st.container(key="review_labels"):
        for number, (name, title) in enumerate(subject.candidates[:MOST_KEYS], 1):
            verdict = RIGHT if name == blank.predicted else LABEL
            is_first = number == 1 and verdict == RIGHT
            _button(title, str(number), subject, replace(blank, verdict=verdict, label=name), keep, is_first)
    with st.container(horizontal=True, vertical_alignment="bottom", key="review_other"):
        label = _another_label(subject)
        _button("Set", "l", subject, replace(blank, verdict=LABEL, label=label), keep, disabled=not label)
    with st.container(horizontal=True, key="review_without"):
        for verdict, title, key in WITHOUT_LABEL:
            _button(title, key, subject, replace(blank, verdict=verdict), keep)


def _another_label(subject: Subject) -> str:
    named = {name for name, _ in subject.candidates[:MOST_KEYS]}
    label = st.selectbox(
        "Another label",
        sorted(set(subject.classes) - named, key=class_title),
        index=None,
        format_func=class_title,
        accept_new_options=True,
        placeholder="choose or type",
        key=f"other_{subject.key}",
    )
    return label or ""


def _button(
    title: str,
    key: str,
    subject: Subject,
    review: Review,
    keep: Callable[[Review], None],
    is_first: bool = False,
    disabled: bool = False,
) -> None:
    st.button(
        title,
        key=f"review_{key}_{subject.key}",
        type="primary" if is_first else "secondary",
        shortcut=key,
        disabled=disabled,
        on_click=keep,
        args=(review,),
    )


def undo_button(undo: Callable[[], None], disabled: bool) -> None:
    """Takes the last decision of the reviewer back."""
    st.button("Undo", shortcut="z", type="tertiary", key="review_undo", disabled=disabled, on_click=undo)


def ask_for_reviewer(key: str) -> str:
    """The reviewer's name, as typed here or elsewhere; empty while there is none."""
    st.text_input(
        "Reviewer", state.reviewer(), key=key, placeholder="your name", on_change=state.take_reviewer, args=(key,)
    )
    return state.reviewer()
