"""Reviews of the samples of a run, marked in galleries: a folder `<reviews>/<run>/` of the same files as a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hvit.batches.folder import folder_name
from hvit.batches.layout import FOLDERS
from hvit.batches.logs import BatchError, write_errors
from hvit.batches.photos import link_folder
from hvit.batches.reviews import Review, add_review, standing_reviews


@dataclass(frozen=True)
class SampleReviews:
    """The folder of the reviews of a run's samples; it is created with the first review."""

    path: Path


def sample_reviews(root: Path, run: str) -> SampleReviews:
    """The reviews of the samples of a run.

    Args:
        root: folder of the reviews of all runs.
        run: name of the run.
    """
    return SampleReviews(root / folder_name(run))


def review_sample(reviews: SampleReviews, photos: Path, photo: Path, review: Review) -> None:
    """Appends a decision about a photo that lies in a folder of photos, and rewrites the manifest.

    The folder is linked, not copied, so that the manifest is valid for training as long as it stays there.

    Args:
        photos: folder with the photos of the run.
        photo: the photo below it.
        review: its path is replaced by that of the photo below the link.
    Raises:
        ValueError: the decision is not valid, see `add_review`, or the photo does not lie below the folder.
        BatchError: the folder of the reviews cannot be written.
    """
    if not photo.is_relative_to(photos):
        raise BatchError(f"{photo.name} does not lie in {photos}; name the folder with the photos of this run")
    with write_errors(reviews.path):
        (reviews.path / FOLDERS).mkdir(parents=True, exist_ok=True)
    link = link_folder(reviews.path, photos.resolve()).relative_to(reviews.path)
    add_review(reviews, replace(review, path=(link / photo.relative_to(photos)).as_posix()))


def reviews_by_photo(reviews: Sequence[Review]) -> dict[str, dict[str, Review]]:
    """The decision that stands, by SHA-256 of the photo and reviewer."""
    found: dict[str, dict[str, Review]] = {}
    for by_reviewer in standing_reviews(reviews).values():
        for reviewer, review in by_reviewer.items():
            found.setdefault(review.sha256, {})[reviewer] = review
    return found
