"""Reviews of samples marked in galleries: the same files as those of a batch, below a folder of their own."""

import pytest

from hvit.batches import BatchError
from hvit.batches.reviews import Review, read_reviews, undo
from hvit.batches.sample_reviews import review_sample, reviews_by_photo, sample_reviews
from hvit.data.datasets.manifests import read_manifest
from tests.support.batches import write_leaves
from training.inputs import own_photos

LATE, HEALTHY = "Tomato___Late_blight", "Tomato___healthy"


@pytest.fixture
def photos(tmp_path):
    return write_leaves(tmp_path / "photos" / "test", 6).parent


def marked(root, photos, number, verdict="label", label=LATE, reviewer="Ana"):
    reviews = sample_reviews(root, "leaf45-tiny")
    photo = photos / "test" / f"leaf_{number:02d}.jpg"
    review_sample(reviews, photos, photo, Review(reviewer, "", f"sha{number}", verdict, label))
    return reviews


def test_nothing_is_written_before_the_first_decision(tmp_path):
    assert read_reviews(sample_reviews(tmp_path / "reviews", "run")) == []
    assert not (tmp_path / "reviews").exists()


def test_the_labels_of_marked_samples_are_a_manifest_that_training_reads(tmp_path, photos):
    for number in range(6):
        reviews = marked(tmp_path / "reviews", photos, number, label=LATE if number % 2 else HEALTHY)
    marked(tmp_path / "reviews", photos, 0, "not_a_leaf", "")
    rows, notes = read_manifest(reviews.path / "verdicts.csv")
    assert [(row.path.name, row.label) for row in rows][:2] == [("leaf_01.jpg", LATE), ("leaf_02.jpg", HEALTHY)]
    assert all(row.path.is_file() for row in rows) and notes == []
    samples, _, _ = own_photos.list_own_photos(reviews.path / "verdicts.csv", None, None)
    assert sorted(sample.label for sample in samples) == [LATE] * 3 + [HEALTHY] * 2


def test_marks_are_found_by_the_hash_of_a_photo_and_undone(tmp_path, photos):
    reviews = marked(tmp_path, photos, 0)
    marked(tmp_path, photos, 0, "unsure", "", reviewer="Ben")
    found = reviews_by_photo(read_reviews(reviews))
    assert {name: review.verdict for name, review in found["sha0"].items()} == {"Ana": "label", "Ben": "unsure"}
    undo(reviews, "Ben")
    assert list(reviews_by_photo(read_reviews(reviews))["sha0"]) == ["Ana"]


def test_runs_have_reviews_of_their_own(tmp_path, photos):
    marked(tmp_path, photos, 0)
    assert read_reviews(sample_reviews(tmp_path, "other")) == []


def test_a_photo_outside_of_the_folder_is_refused_and_nothing_is_kept(tmp_path, photos):
    reviews = sample_reviews(tmp_path / "reviews", "run")
    with pytest.raises(BatchError, match="a.jpg does not lie in"):
        review_sample(reviews, photos, tmp_path / "a.jpg", Review("Ana", "", "", "unsure"))
    assert not reviews.path.exists()


def test_a_decision_without_a_reviewer_is_refused(tmp_path, photos):
    with pytest.raises(ValueError, match="needs the name of its reviewer"):
        marked(tmp_path, photos, 0, reviewer=" ")
