"""Agreement of the model and the reviewers of a batch."""

import numpy as np
import pytest

from app.batch import words
from app.batch.agreement import MODEL, agreements
from hvit.batches.photos import BatchPhoto
from hvit.batches.results import derive_results
from hvit.batches.reviews import Review
from hvit.batches.rules import Rules
from hvit.batches.scores import SEVERITY, ScoreTable

EARLY, LATE = "Tomato___Early_blight", "Tomato___Late_blight"
PATHS = tuple(f"uploads/{i}.jpg" for i in range(4))


@pytest.fixture
def results():
    """The model says early, early, late, late, and measures 10, 20, 30 and 40 %."""
    logits = np.array([[5.0, 0], [5, 0], [0, 5], [0, 5]])
    severity = {name: np.array([0.1, 0.2, 0.3, 0.4]) for name in SEVERITY}
    scores = ScoreTable(
        PATHS, ("",) * 4, ("",) * 4, logits, np.zeros(4), ((),) * 4, severity, ("",) * 4, (),
        {path: i for i, path in enumerate(PATHS)},
    )  # fmt: skip
    return derive_results([BatchPhoto(p, None) for p in PATHS], scores, Rules((EARLY, LATE), 1, True, None, None, None))


def standing(**by_reviewer):
    found = {}
    for reviewer, decisions in by_reviewer.items():
        for path, (verdict, label, area) in zip(PATHS, decisions):
            found.setdefault(path, {})[reviewer] = Review(reviewer, path, "", verdict, label, area)
    return found


def test_the_model_is_compared_where_there_is_a_class_and_reviewers_in_all(results):
    ana = [("right", EARLY, 0.1), ("label", LATE, 0.2), ("right", LATE, 0.3), ("not_a_leaf", "", None)]
    ben = [("right", EARLY, 0.2), ("right", EARLY, 0.3), ("right", LATE, 0.4), ("not_a_leaf", "", None)]
    first, second, both = agreements(results, standing(Ana=ana, Ben=ben))
    assert (first.first, first.second, first.classes.n) == (MODEL, "Ana", 3)
    assert first.classes.observed == pytest.approx(2 / 3) and first.area.value == 1.0
    assert second.classes.observed == 1.0 and second.classes.value == 1.0
    assert (both.first, both.second, both.classes.n, both.area.n) == ("Ana", "Ben", 4, 3)
    assert both.classes.observed == 0.75
    text = words.agreement(both)
    assert text[0].startswith("Ana and Ben, conditions: 75\u00a0% of 4 photos alike; kappa ")
    assert text[1].startswith("Ana and Ben, area: concordance 0.57")


def test_a_reviewer_without_a_class_is_not_compared_with_the_model(results):
    assert agreements(results, standing(Ana=[("unsure", "", None)])) == []


def test_of_unfamiliar_photos_the_model_claims_no_class(results):
    results.verdicts[0] = "unfamiliar"
    (pair,) = agreements(results, standing(Ana=[("label", LATE, 0.1), ("right", EARLY, 0.2)]))
    assert pair.classes.n == 1 and pair.area.n == 2


def test_an_undefined_kappa_is_reported_as_undefined(results):
    (pair,) = agreements(results, standing(Ana=[("right", EARLY, None)]))
    assert "kappa undefined, as all are alike" in words.agreement(pair)[0]
