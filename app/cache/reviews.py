"""Cached reviews: of the photos of a batch, and of the samples of a run as marked in galleries."""

from __future__ import annotations

import streamlit as st

from app.cache.folders import reviews_folder
from app.cache.records import stamp
from hvit.batches import Batch
from hvit.batches.layout import REVIEWS
from hvit.batches.reviews import Review, read_reviews
from hvit.batches.sample_reviews import SampleReviews, sample_reviews

MAX_CACHED = 32  # batches and runs


def sample_reviews_of(run: str) -> SampleReviews:
    """The folder with the reviews of the samples of a run."""
    return sample_reviews(reviews_folder(), run)


def reviews_of(reviewed: Batch | SampleReviews) -> list[Review]:
    """All decisions of reviewers, in order.

    Raises:
        BatchError: the file is damaged.
    """
    return _reviews(str(reviewed.path), stamp(reviewed.path, REVIEWS), reviewed)


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _reviews(path: str, stamp: tuple, _reviewed: Batch | SampleReviews) -> list[Review]:
    return read_reviews(_reviewed)
