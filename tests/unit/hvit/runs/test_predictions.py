"""Recorded predictions as arrays."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.runs import Run, RunError
from hvit.runs.predictions import align_labels, read_predictions, shared_photos
from tests.support.model_cards import card_document

CLASSES = ["Rust", "Scab", "healthy"]


def write(path: Path, rows: list[tuple], classes=CLASSES, temperature: float | None = 2.0, split: str = "test") -> Run:
    """`rows` are (path, sha256, label, logits)."""
    folder = path / "eval" / split
    folder.mkdir(parents=True)
    columns = dict(zip(("path", "sha256", "label", "logits"), map(list, zip(*rows))))
    pq.write_table(pa.table(columns | {"sample_id": columns["sha256"]}), folder / "predictions.parquet")
    (path / "model.json").write_text(json.dumps(card_document(classes, temperature=temperature)))
    return Run(path)


def test_predictions_are_calibrated_probabilities(tmp_path):
    run = write(tmp_path / "one", [("a", "1", "Scab", [0.0, 2.0, 0.0]), ("b", "2", "healthy", [4.0, 0.0, 0.0])])
    answers = read_predictions(run, "test")
    e = np.exp([0.0, 1.0, 0.0])
    assert answers.probs[0] == pytest.approx(e / e.sum()) and answers.calibrated and len(answers) == 2
    assert answers.labels.tolist() == [1, 2] and answers.predicted.tolist() == [1, 0]
    assert answers.correct.tolist() == [True, False] and answers.confidence[0] == pytest.approx(e[1] / e.sum())
    assert read_predictions(run, "val") is None
    plain = write(tmp_path / "two", [("a", "1", "Scab", [0.0, 2.0, 0.0])], temperature=None)
    assert not read_predictions(plain, "test").calibrated


@pytest.mark.parametrize(
    ("rows", "classes", "expected"),
    [
        ([("a", "1", "Mildew", [0.0, 1.0, 0.0])], CLASSES, "Mildew, which the run does not know"),
        ([("a", "1", "Scab", [0.0, 1.0])], CLASSES, "one score for each of its 3 classes"),
        ([("a", "1", "Scab", [0.0, float("nan"), 0.0])], CLASSES, "no numbers"),
        ([("a", "1", "Scab", [0.0, 1.0, 0.0])], [], "lists no classes"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(tmp_path, rows, classes, expected):
    with pytest.raises(RunError, match=expected):
        read_predictions(write(tmp_path / "one", rows, classes), "test")


def test_predictions_without_rows_or_columns_are_refused(tmp_path):
    run = write(tmp_path / "one", [("a", "1", "Scab", [0.0, 1.0, 0.0])])
    file = tmp_path / "one" / "eval" / "test" / "predictions.parquet"
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(RunError, match="are empty"):
        read_predictions(run, "test")
    pq.write_table(pa.table({"label": ["Scab"]}), file)
    with pytest.raises(RunError, match="lack the column path, sha256, logits"):
        read_predictions(run, "test")


def test_photos_are_paired_by_content_and_true_class(tmp_path):
    scores = [0.0, 1.0, 0.0]
    first = [("x/a", "1", "Scab", scores), ("x/b", "2", "Rust", scores), ("x/c", "3", "Rust", scores)]
    first += [("x/d", "4", "Scab", scores), ("x/e", "4", "Scab", scores)]  # one photo twice
    second = [("y/e", "4", "Scab", scores), ("y/c", "3", "Scab", scores), ("y/a", "1", "Scab", [5.0, 0.0, 0.0])]
    answers = [
        read_predictions(write(tmp_path / "one", first), "test"),
        read_predictions(write(tmp_path / "two", second, CLASSES[::-1]), "test"),
    ]
    rows = shared_photos(answers)
    assert [r.tolist() for r in rows] == [[0, 3], [2, 0]]  # photo 3 has another label, photo 4 is there once in both
    labels, (a, b) = align_labels(answers, rows)
    assert (a == labels).tolist() == [True, True]
    assert (b == labels).tolist() == [False, True] and answers[1].classes[0] == "healthy"
