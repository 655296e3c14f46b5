"""Reviews: appended, undone, and turned into a manifest that training reads."""

import multiprocessing
import random
import time

import numpy as np
import pytest

from hvit.batches import BatchError
from hvit.batches.photos import read_photos
from hvit.batches.results import derive_results
from hvit.batches.reviews import (
    Review,
    add_review,
    agreed_labels,
    last_review,
    most_uncertain_first,
    read_reviews,
    standing_reviews,
    undo,
)  # fmt: skip
from hvit.batches.scores import read_scores
from hvit.data.datasets.manifests import read_manifest
from hvit.data.datasets.reading import read_samples
from tests.support.batches import new_batch, review_until_killed, scored_batch, write_leaves
from training.inputs import own_photos

LATE, HEALTHY = "Tomato___Late_blight", "Tomato___healthy"


@pytest.fixture
def batch(tmp_path, tiny_run):
    return new_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 6))


def review(batch, number, verdict, label="", reviewer="Ana", **more):
    photo = read_photos(batch)[number]
    add_review(batch, Review(reviewer, photo.path, "", verdict, label, **more))


def test_the_manifest_has_the_labels_and_training_reads_it(batch):
    review(batch, 0, "right", LATE, predicted=LATE, probability=0.9)
    review(batch, 1, "label", HEALTHY)
    review(batch, 2, "not_a_leaf")
    review(batch, 3, "unsure")
    rows, notes = read_manifest(batch.path / "verdicts.csv")
    assert [(row.path.name, row.label) for row in rows] == [("leaf_00.jpg", LATE), ("leaf_01.jpg", HEALTHY)]
    assert all(row.path.is_file() for row in rows) and notes == []


def test_quick_and_finetune_read_the_manifest(batch):
    for number in range(6):
        review(batch, number, "label", LATE if number % 2 else HEALTHY)
    manifest = batch.path / "verdicts.csv"
    samples, _, warnings = own_photos.list_own_photos(manifest, None, None)
    assert sorted(sample.label for sample in samples) == [LATE] * 3 + [HEALTHY] * 3 and len(warnings) <= 1
    assert [sample.label for sample in read_samples([manifest])].count(LATE) == 3


def test_undo_takes_back_the_last_decision_and_then_the_one_before(batch):
    review(batch, 0, "right", LATE)
    review(batch, 1, "unsure")
    review(batch, 0, "label", HEALTHY)
    assert undo(batch, "Ana").label == HEALTHY
    path = read_photos(batch)[0].path
    assert standing_reviews(read_reviews(batch))[path]["Ana"].label == LATE
    assert undo(batch, "Ana").verdict == "unsure" and undo(batch, "Ana").label == LATE
    assert undo(batch, "Ana") is None and standing_reviews(read_reviews(batch)) == {}
    with pytest.raises(Exception, match="no photos"):
        read_manifest(batch.path / "verdicts.csv")


def test_undo_of_one_reviewer_leaves_the_other_alone(batch):
    review(batch, 0, "right", LATE, reviewer="Ana")
    review(batch, 0, "label", HEALTHY, reviewer="Ben")
    undo(batch, "Ana")
    assert last_review(read_reviews(batch), "Ben").label == HEALTHY


def test_labels_on_which_reviewers_differ_are_left_out(batch):
    for reviewer, second in (("Ana", LATE), ("Ben", HEALTHY)):
        review(batch, 0, "right", LATE, reviewer=reviewer)
        review(batch, 1, "label", second, reviewer=reviewer)
    review(batch, 2, "right", LATE, reviewer="Ana")
    review(batch, 2, "not_a_leaf", reviewer="Ben")
    labels = agreed_labels(read_reviews(batch))
    assert [path[-6:-4] for path in labels.agreed] == ["00"]
    assert [path[-6:-4] for path in labels.contested] == ["01", "02"]


@pytest.mark.parametrize(
    ("verdict", "label", "reviewer", "area", "expected"),
    [
        ("right", "", "Ana", None, "choose a label"),
        ("right", LATE, " ", None, "needs the name of its reviewer"),
        ("wrong", LATE, "Ana", None, "expected one of right, label"),
        ("right", LATE, "Ana", 1.5, "expected a share between 0 and 1"),
        ("label", "=1+1", "Ana", None, "the label begins with '=', which spreadsheets compute"),
        ("unsure", "", "@Ana", None, "the name of the reviewer begins with '@'"),
    ],
)
def test_a_review_that_says_nothing_is_refused(batch, verdict, label, reviewer, area, expected):
    with pytest.raises(ValueError, match=expected):
        review(batch, 0, verdict, label, reviewer=reviewer, area=area)
    assert read_reviews(batch) == []


def test_the_estimated_area_is_kept(batch):
    review(batch, 0, "right", LATE, area=0.125)
    assert read_reviews(batch)[0].area == 0.125


def test_doubtful_photos_come_first(tmp_path, tiny_run):
    folder = write_leaves(tmp_path / "photos", 6)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    batch = scored_batch(tmp_path / "batches", tiny_run, folder)
    results = derive_results(read_photos(batch), read_scores(batch), batch.rules)
    order = most_uncertain_first(results)
    assert sorted(order) == list(range(7)) and results.photos[order[-1]].name == "broken.jpg"
    kinds = [str(results.verdicts[row]) for row in order]
    ranks = [("unsure", "unfamiliar", "named", "unreadable").index(kind) for kind in kinds]
    assert ranks == sorted(ranks)
    margins = [-np.diff(np.sort(results.probs[row])[::-1][:2])[0] for row in order if results.verdicts[row] == "named"]
    assert margins == sorted(margins)


def test_no_review_is_lost_when_the_process_is_killed(batch, tmp_path):
    """Killed ten times at random moments: every review that was acknowledged is there, and the manifest reads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.batches"])
    acknowledged, draw = tmp_path / "acknowledged", random.Random(1)
    for round_number in range(10):
        process = context.Process(target=review_until_killed, args=(batch.path, acknowledged, round_number))
        process.start()
        lines = acknowledged.read_text().count("\n") if acknowledged.exists() else 0
        while process.is_alive() and (not acknowledged.exists() or acknowledged.read_text().count("\n") <= lines):
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.join()
        kept = [review.sha256 for review in read_reviews(batch)]
        wanted = acknowledged.read_text().split()
        assert set(wanted) <= set(kept) and len(kept) - len(wanted) <= round_number + 1
    rows, _ = read_manifest(batch.path / "verdicts.csv")
    assert {row.label for row in rows} == {LATE}


def test_a_damaged_file_of_reviews_is_named(batch):
    (batch.path / "reviews.csv").write_text("something,else\n1,2\n")
    with pytest.raises(BatchError, match="reviews.csv of batch field has no column time"):
        read_reviews(batch)
