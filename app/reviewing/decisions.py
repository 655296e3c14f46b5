"""Buttons for the decisions of a reviewer, with keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from app import state
from app.reviewing.words import decision
from app.widgets import plain
from hvit.batches.reviews import LABEL, NOT_A_LEAF, NOT_SURE, RIGHT, UNREADABLE, Review
from hvit.words import label_title

MAX_SHORTCUTS = 5  # candidates with a shortcut
WITHOUT_LABEL = ((NOT_A_LEAF, "Not a leaf", "n"), (UNREADABLE, "Unreadable", "x"), (NOT_SURE, "Unsure", "u"))


@dataclass(frozen=True)
class ReviewTarget:
    """A photo to review.

    Attributes:
        key: unique key of its widgets.
        blank: review without decision: reviewer, photo, and prediction of the run.
        candidates: class names, each with the title of its button.
        classes: other labels to choose from; new ones can be typed.
    """

    key: str
    blank: Review
    candidates: Sequence[tuple[str, str]]
    classes: Sequence[str]


def decision_buttons(target: ReviewTarget, keep: Callable[[Review], None]) -> None:
    """Inputs of a review: estimate of the area, candidates, another label, and decisions without a label.

    Args:
        keep: stores a decision; called before the rerun.
    """
    state.await_decision(target.key)
    area = st.number_input(
        "Discolored area as you see it, % (may stay empty)", 0.0, 100.0, None, 1.0, format="%g",
        key=f"area_{target.key}",
    )  # fmt: skip
    blank = replace(target.blank, area=None if area is None else area / 100)
    with st.container(key="review_labels"):
        for number, (name, title) in enumerate(target.candidates[:MAX_SHORTCUTS], 1):
            verdict = RIGHT if name == blank.predicted else LABEL
            is_first = number == 1 and verdict == RIGHT
            _button(title, str(number), target, replace(blank, verdict=verdict, label=name), keep, is_first)
    with st.container(horizontal=True, vertical_alignment="bottom", key="review_other"):
        label = _another_label(target)
        _button("Set", "l", target, replace(blank, verdict=LABEL, label=label), keep, disabled=not label)
    with st.container(horizontal=True, key="review_without"):
        for verdict, title, key in WITHOUT_LABEL:
            _button(title, key, target, replace(blank, verdict=verdict), keep)


def _another_label(target: ReviewTarget) -> str:
    named = {name for name, _ in target.candidates[:MAX_SHORTCUTS]}
    label = st.selectbox(
        "Another label",
        sorted(set(target.classes) - named, key=label_title),
        index=None,
        format_func=label_title,
        accept_new_options=True,
        placeholder="choose or type",
        key=f"other_{target.key}",
    )
    return known_label(label or "", target.classes)


def known_label(typed: str, classes: Sequence[str]) -> str:
    """The class that a typed label names by its name or title, in any case; else the label as typed.

    Two spellings of one class would be two classes in training.
    """
    spelled = " ".join(typed.split())
    names = {text.casefold(): name for name in classes for text in (label_title(name), name)}
    return names.get(spelled.casefold(), spelled)


def _button(
    title: str,
    key: str,
    target: ReviewTarget,
    review: Review,
    keep: Callable[[Review], None],
    is_first: bool = False,
    disabled: bool = False,
) -> None:
    st.button(
        plain(title),  # names of classes may hold Markdown
        key=f"review_{key}_{target.key}",
        type="primary" if is_first else "secondary",
        shortcut=key,
        disabled=disabled,
        on_click=_keep_first,
        args=(target.key, review, keep),
    )


def _keep_first(photo: str, review: Review, keep: Callable[[Review], None]) -> None:
    """Keeps the first decision on the photo that is drawn: keys pressed at once arrive in an order of their own."""
    is_taken, first = state.take_decision(photo, decision(review.label, review.verdict))
    if is_taken:
        keep(review)
    elif first is not None and first != decision(review.label, review.verdict):
        state.note_on_batch(f"Two decisions came at once for one photo, and {first} was kept. Undo takes it back.")


def undo_button(undo: Callable[[], None], disabled: bool) -> None:
    """Button that undoes the last decision of the reviewer."""
    st.button("Undo", shortcut="z", type="tertiary", key="review_undo", disabled=disabled, on_click=undo)


def ask_for_reviewer(key: str) -> str:
    """Text field of the reviewer's name, shared by all pages; empty before it was typed."""
    st.text_input(
        "Reviewer", state.reviewer(), key=key, placeholder="your name", on_change=state.take_reviewer, args=(key,)
    )
    return state.reviewer()
