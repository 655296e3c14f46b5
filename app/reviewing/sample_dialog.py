"""Dialog of one sample of a gallery: large picture, decisions of a reviewer, link to Attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from app import state
from app.cache.photos import whole_photo
from app.cache.reviews import reviews_of, sample_reviews_of
from app.photos import photo_files, pictures
from app.photos.photo_files import PhotoFile
from app.reviewing import words
from app.reviewing.decisions import ReviewTarget, ask_for_reviewer, decision_buttons, undo_button
from app.widgets import errors_noted, notice, picture, sentence
from hvit.batches.reviews import Review, last_review, undo
from hvit.batches.sample_reviews import SampleReviews, review_sample, reviews_by_photo
from hvit.data.leafsim import Address
from hvit.data.photos import InvalidPhotoError
from hvit.files import typed_folder
from hvit.words import label_title

SHOWN_PX = 640
KEYS = Path(__file__).with_name("dialog_keys.js")


@dataclass(frozen=True)
class Sample:
    """A sample whose image is available.

    Attributes:
        path, sha256: as the run recorded them; `path` is the address of a rendered leaf.
        file: of the photo; None of a rendered leaf.
        line: caption.
        label: class in its data set; empty where that is not known.
        predicted, probability: the first class of the run; empty and None where it has no answer.
    """

    path: str
    sha256: str | None
    file: Path | None
    line: str
    label: str
    predicted: str
    probability: float | None

    def photo(self) -> PhotoFile:
        """The sample as a photo of the session."""
        if self.file is None:
            return photo_files.rendered(self.path, Address.parse(self.path))
        return photo_files.on_disk(self.file, self.file.name)


@dataclass(frozen=True)
class Shown:
    """How a sample is shown: its image (H, W, 3) uint8, and what is drawn on it, in a sentence."""

    pixels: np.ndarray
    caption: str = ""


def plain_photo(photo: PhotoFile) -> Shown:
    """The photo as it is.

    Raises:
        InvalidPhotoError: it cannot be read.
    """
    return Shown(whole_photo(photo))


@st.dialog("One leaf", width="large", on_dismiss=state.close_tile)
def review_dialog(
    gallery: str,
    seen: Sequence[Sample],
    run: str,
    classes: Sequence[str],
    show: Callable[[PhotoFile], Shown] = plain_photo,
) -> None:
    """The opened sample of a gallery; a decision goes on to the next.

    Args:
        gallery: its key.
        seen: its samples on the page that is turned to.
        run, classes: whose samples these are.
        show: makes the image of a sample.
    """
    st.html(f"<script>{KEYS.read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)
    number = state.opened_tile(gallery)
    if number is None or number >= len(seen):
        sentence("These were all on this page of the gallery.", "below")
        _undo_button(sample_reviews_of(run), gallery, seen)
        return
    sample = seen[number]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _picture(sample, show)
        sentence(sample.line, "standing")
    with right:
        if note := state.take_note_on_batch():
            notice(note)
        _attention_button(sample, run)
        if sample.file is None:
            sentence("A drawn leaf: what it shows is certain, and is not marked.", "standing")
        else:
            _decisions(gallery, seen, number, run, classes)
    with st.container(horizontal=True, key="tile_steps"):
        before, after = partial(state.open_tile, gallery, number - 1), partial(state.open_tile, gallery, number + 1)
        st.button("Previous", type="tertiary", key="tile_previous", disabled=number == 0, on_click=before)
        st.button("Next", type="tertiary", key="tile_next", disabled=number + 1 == len(seen), on_click=after)


def _picture(sample: Sample, show: Callable[[PhotoFile], Shown]) -> None:
    try:
        shown = show(sample.photo())
    except InvalidPhotoError as error:
        notice(f"The photo is not there any more: {error}")
        return
    except ValueError as error:
        notice(str(error))
        return
    title = "The photo" if sample.file else "The drawn leaf"
    picture(pictures.shrunk(shown.pixels, SHOWN_PX), title, is_rendered=sample.file is None, key="picture_tile")
    if shown.caption:
        sentence(shown.caption, "standing")


def _attention_button(sample: Sample, run: str) -> None:
    if st.button("Explain in Attention", type="tertiary", key="tile_to_attention"):
        state.close_tile()
        state.choose_photo(sample.photo())
        st.switch_page("../pages/attention.py", query_params={state.RUN: run})


def _decisions(gallery: str, seen: Sequence[Sample], number: int, run: str, classes: Sequence[str]) -> None:
    sample = seen[number]
    reviewer = ask_for_reviewer("tile_reviewer")
    if not reviewer:
        sentence("Type your name, so that it stands beside your decisions.", "below")
        return
    own = reviews_by_photo(reviews_of(sample_reviews_of(run))).get(sample.sha256 or "", {})
    if own:
        sentence(words.decisions(own.values()), "summary")
    blank = Review(reviewer, "", sample.sha256 or "", "", predicted=sample.predicted, probability=sample.probability)
    target = ReviewTarget(sample.sha256 or sample.path, blank, _candidates(sample), classes)
    decision_buttons(target, partial(_store, sample_reviews_of(run), sample, gallery, number))
    _undo_button(sample_reviews_of(run), gallery, seen)


def _candidates(sample: Sample) -> list[tuple[str, str]]:
    """Label and prediction, where known, each with the title of its button."""
    label, predicted = sample.label, sample.predicted
    if label and label == predicted:
        return [(label, f"Right: {label_title(label)}")]
    named = [(label, "As labelled"), (predicted, "As predicted")]
    return [(name, f"{title}: {label_title(name)}") for name, title in named if name]


def _store(reviews: SampleReviews, sample: Sample, gallery: str, number: int, review: Review) -> None:
    with errors_noted():
        review_sample(reviews, typed_folder(state.photos_folder()), sample.file, review)
        state.open_tile(gallery, number + 1)


def _undo_button(reviews: SampleReviews, gallery: str, seen: Sequence[Sample]) -> None:
    reviewer = state.reviewer()
    has_any = bool(reviewer) and last_review(reviews_of(reviews), reviewer) is not None
    undo_button(partial(_undo_last, reviews, gallery, seen, reviewer), disabled=not has_any)


def _undo_last(reviews: SampleReviews, gallery: str, seen: Sequence[Sample], reviewer: str) -> None:
    with errors_noted():
        last = undo(reviews, reviewer)
        for number, sample in enumerate(seen):
            if last is not None and sample.sha256 == last.sha256:
                state.open_tile(gallery, number)
