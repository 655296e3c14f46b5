"""Scores computed from recorded predictions, and recorded scores read again."""

import numpy as np
import pytest

from hvit.runs import Run, RunError
from hvit.runs.predictions import Predictions
from hvit.scoring.metrics import wilson
from hvit.scoring.recorded_scores import read_recorded_evaluation, score_predictions
from tests.support.recorded_runs import write_records

PREDICTED, LABELS = [0, 0, 1, 1, 1], [0, 0, 0, 1, 1]


def predictions(classes=("a", "b", "never")) -> Predictions:
    probs = np.where(np.eye(len(classes), dtype=bool)[PREDICTED], 0.8, 0.2 / (len(classes) - 1))
    photos = tuple("12345")
    return Predictions("run", "test", classes, photos, photos, np.array(LABELS), probs, 1.0)


def test_scores_by_hand():
    found = score_predictions(predictions())
    assert found.n == 5 and found.top1 == 0.8 and found.top1_ci == wilson(4, 5)
    assert found.macro_f1 == pytest.approx(0.8)  # 2 x 1 x 2/3 / (5/3) and 2 x 2/3 x 1 / (5/3)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert found.nll == pytest.approx(-(4 * np.log(0.8) + np.log(0.1)) / 5)
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 0, 0]]


def test_a_class_by_hand_and_one_that_never_occurs_has_no_scores():
    a, b, never = score_predictions(predictions()).per_class
    assert (a.name, a.n, a.named, a.precision, a.recall) == ("a", 3, 2, 1.0, pytest.approx(2 / 3))
    assert b.precision == pytest.approx(2 / 3) and b.precision_ci == wilson(2, 3) and b.recall_ci == wilson(2, 2)
    assert (never.n, never.named, never.precision, never.recall, never.f1) == (0, 0, None, None, None)
    assert never.precision_ci is None and never.recall_ci is None and never.f1_ci is None


def test_recorded_scores_come_with_an_interval_from_the_predictions(tmp_path):
    run = write_records(tmp_path / "run")
    (run / "test_evaluations.jsonl").write_text("{}\n{}\n")
    (run / "eval" / "test" / "metrics.json").write_text('{"n": 12, "top1": 0.75, "macro_f1": 0.75}')
    found = read_recorded_evaluation(Run(run), "test")
    assert found.split == "test" and found.times_evaluated == 2 and found.document["n"] == 12
    assert found.macro_f1_ci[0] < found.document["macro_f1"] < found.macro_f1_ci[1]
    (run / "eval" / "test" / "predictions.parquet").unlink()
    assert read_recorded_evaluation(Run(run), "test").macro_f1_ci is None


def test_scores_that_lack_what_a_page_shows_are_refused(tmp_path):
    run = write_records(tmp_path / "run")
    (run / "eval" / "test" / "metrics.json").write_text('{"n": 3}')
    with pytest.raises(RunError, match="eval/test/metrics.json of run run is damaged"):
        read_recorded_evaluation(Run(run), "test")
