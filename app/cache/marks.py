"""Reviews of the samples of runs, as marked in galleries."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from app.cache.records import ROOT, stamp
from hvit.batches.layout import REVIEWS
from hvit.batches.reviews import Review, read_reviews
from hvit.batches.sample_reviews import SampleReviews, sample_reviews

MAX_CACHED = 16  # runs


def reviews_folder() -> Path:
    """`$HVIT_REVIEWS`, or `reviews` of this project."""
    return Path(os.environ["HVIT_REVIEWS"]) if os.environ.get("HVIT_REVIEWS") else ROOT / "reviews"


def marks_of(run: str) -> SampleReviews:
    """Where the reviews of the samples of a run are kept."""
    return sample_reviews(reviews_folder(), run)


def reviews_of(marks: SampleReviews) -> list[Review]:
    """All decisions about samples of a run, in order.

    Raises:
        BatchError: the file is damaged.
    """
    return _reviews(str(marks.path), stamp(marks.path, REVIEWS), marks)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _reviews(path: str, stamp: tuple, _marks: SampleReviews) -> list[Review]:
    return read_reviews(_marks)
