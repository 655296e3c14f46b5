"""Which photos the table shows, and in which order."""

import numpy as np
import pytest

from app.batch.selection import Filter, rows_shown
from hvit.batches.photos import BatchPhoto
from hvit.batches.results import derive_results
from hvit.batches.reviews import Review
from hvit.batches.rules import Rules
from hvit.batches.scores import SEVERITY, ScoreTable
from hvit.runs.model_card import ConformalRecord

CLASSES = ("Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy")
PATHS = ("uploads/d.jpg", "uploads/a.jpg", "uploads/C.jpg", "uploads/b.jpg", "uploads/e.jpg")


@pytest.fixture
def results():
    """d: tomato 0.99; a: potato 0.6, unsure; C: healthy 0.8; b: unreadable; e: waiting."""
    probs = np.array([[0.005, 0.99, 0.005], [0.6, 0.35, 0.05], [0.1, 0.1, 0.8], [np.nan] * 3])
    severity = {name: np.array([0.1, 0.3, np.nan, np.nan]) for name in SEVERITY}
    scores = ScoreTable(
        PATHS[:4], ("",) * 4, ("", "", "", "damaged"), np.log(probs), np.zeros(4), ((),) * 4, severity, ("",) * 4, (),
        {path: i for i, path in enumerate(PATHS[:4])},
    )  # fmt: skip
    rules = Rules(CLASSES, 1.0, True, ConformalRecord(0.1, "lac", 0.7), None, None)
    return derive_results([BatchPhoto(path, None) for path in PATHS], scores, rules)


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({}, [1, 2, 0, 3, 4]),
        ({"order": "added"}, [0, 1, 2, 3, 4]),
        ({"order": "name"}, [1, 3, 2, 0, 4]),
        ({"order": "condition"}, [1, 0, 2, 3, 4]),
        ({"order": "least"}, [1, 2, 0, 3, 4]),
        ({"order": "most"}, [0, 2, 1, 3, 4]),
        ({"order": "area"}, [1, 0, 2, 3, 4]),
        ({"name": " c.J"}, [2]),
        ({"verdicts": ("unsure", "waiting")}, [1, 4]),
        ({"crop": "tomato"}, [2, 0]),
        ({"label": "Potato___Early_blight"}, [1]),
        ({"lowest": 0.6, "highest": 0.8}, [1, 2]),
        ({"highest": 0.5}, []),
        ({"reviewed": "yes"}, [1, 0]),
        ({"reviewed": "no"}, [2, 3, 4]),
        ({"reviewed": "other"}, [1]),
    ],
)
def test_photos_are_filtered_and_sorted(results, wanted, rows):
    reviews = {
        PATHS[0]: {"Ana": Review("Ana", PATHS[0], "", "right", CLASSES[1])},
        PATHS[1]: {"Ana": Review("Ana", PATHS[1], "", "not_a_leaf")},
    }
    assert list(rows_shown(results, reviews, Filter(**wanted))) == rows
