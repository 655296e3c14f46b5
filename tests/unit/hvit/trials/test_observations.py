"""What a photo says about its plot: the reviewers first, then the model."""

import numpy as np
import pytest

from hvit.batches.photos import BatchPhoto
from hvit.batches.results import derive_results
from hvit.batches.reviews import Review
from hvit.batches.rules import Rules
from hvit.batches.scores import SEVERITY, ScoreTable
from hvit.runs.model_card import ConformalRecord
from hvit.trials.joining import join_sheet
from hvit.trials.observations import observe, tidy_rows
from hvit.trials.sheet import Sheet, SheetRow

CLASSES = ("Tomato___Early_blight", "Tomato___Late_blight", "Tomato___healthy")
EARLY, LATE, HEALTHY = CLASSES
# Early blight; early or late; early or healthy; healthy; unfamiliar; unreadable; not scored; without a line.
PROBS = [[0.98, 0.01, 0.01], [0.5, 0.45, 0.05], [0.5, 0.05, 0.45], [0.01, 0.01, 0.98], [0.98, 0.01, 0.01], [np.nan] * 3]
PATHS = tuple(f"uploads/{name}.jpg" for name in ("early", "both", "maybe", "healthy", "odd", "broken", "late", "other"))


@pytest.fixture
def results():
    severity = {name: np.array([0.2, 0.3, np.nan, 0.0, 0.5, np.nan]) for name in SEVERITY}
    scores = ScoreTable(
        PATHS[:6], ("",) * 6, ("",) * 5 + ("damaged",), np.log(PROBS), np.array([0.0, 0, 0, 0, 9, 0]), ((),) * 6,
        severity, ("",) * 6, (), {path: i for i, path in enumerate(PATHS[:6])},
    )  # fmt: skip
    rules = Rules(CLASSES, 1.0, True, ConformalRecord(0.1, "lac", 0.7), 5.0, None)
    return derive_results([BatchPhoto(path, None) for path in PATHS], scores, rules)


@pytest.fixture
def joined(results):
    names = [photo.name for photo in results.photos]
    rows = [SheetRow(i, name, "7", "A", "1", None) for i, name in enumerate(names[:-1], 2)]
    return join_sheet(Sheet(tuple(rows)), names)


def statuses(observations):
    return {o.photo.removesuffix(".jpg"): o.status for o in observations}


def test_a_photo_is_diseased_where_all_its_candidates_are(results, joined):
    found = statuses(observe(results, joined, {}))
    assert found == {
        "early": "diseased", "both": "diseased", "maybe": "unsure", "healthy": "healthy", "odd": "unsure"
    }  # fmt: skip


def test_one_condition_can_be_asked_about(results, joined):
    found = statuses(observe(results, joined, {}, LATE))
    assert found == {"early": "healthy", "both": "unsure", "maybe": "healthy", "healthy": "healthy", "odd": "unsure"}


def review(name, verdict, label="", reviewer="Ana", area=None):
    path = f"uploads/{name}.jpg"
    return {path: {reviewer: Review(reviewer, path, "", verdict, label, area)}}


def test_a_reviewer_counts_before_the_model(results, joined):
    standing = review("maybe", "label", HEALTHY) | review("odd", "not_a_leaf") | review("early", "unsure")
    standing |= review("broken", "label", EARLY, area=0.4)
    observations = observe(results, joined, standing)
    found = statuses(observations)
    assert found["maybe"] == "healthy" and "odd" not in found and found["early"] == "unsure"
    broken = next(o for o in observations if o.photo == "broken.jpg")
    assert (broken.status, broken.source, broken.severity) == ("diseased", "reviewer", 0.4)


def test_reviewers_who_differ_leave_a_photo_unsure(results, joined):
    standing = review("early", "right", EARLY)
    standing["uploads/early.jpg"] |= review("early", "label", HEALTHY, "Ben")["uploads/early.jpg"]
    assert statuses(observe(results, joined, standing))["early"] == "unsure"


def test_the_tidy_table_has_a_row_a_photo_with_numbers_for_r(results, joined):
    rows = {row["photo"]: row for row in tidy_rows(observe(results, joined, {}))}
    assert rows["early.jpg"]["diseased"] == 1 and rows["early.jpg"]["severity"] == 0.2
    assert rows["healthy.jpg"]["diseased"] == 0 and rows["maybe.jpg"]["diseased"] is None
    assert rows["early.jpg"]["condition"] == EARLY and rows["both.jpg"]["condition"] == ""
    assert (rows["early.jpg"]["plot"], rows["early.jpg"]["treatment"], rows["early.jpg"]["replicate"]) == (
        "7",
        "A",
        "1",
    )
