"""Can this run be trusted: five risks, each number by hand."""

import csv
import json

import numpy as np
import pytest

from hvit.runs import Run, RunError
from hvit.scoring.audit import Audit, measure_cue, record_audit
from hvit.scoring.distances import Distances, record_distances
from hvit.scoring.robustness_records import record_robustness
from hvit.scoring.trust import trust_lines
from tests.support.recorded_runs import CLASSES, NAMED, TRUE, write_records

DETECTOR = "d" * 64
OOD = {"method": "knn", "file": "r.npz", "threshold": 2.0, "unsure_threshold": 1.0, "sha256": DETECTOR}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plain"


def lines_of(path, split=None) -> dict:
    return {line.topic: line for line in trust_lines(Run(path), split)}


def stranger(kind: str, scores: list[float], sizes=None, split="test"):
    n = len(scores)
    texts = np.array([f"{i}" for i in range(n)])
    sizes = np.ones(n, dtype=int) if sizes is None else np.array(sizes)
    return Distances(np.full(n, kind), np.full(n, kind), texts, texts, np.array(scores), sizes, DETECTOR)


def robust_rows(kind: str, strength: int, named: list[int]) -> list[dict]:
    return [
        {
            "sample_id": str(i), "path": f"photos/test/{i}", "sha256": f"{i:064x}", "data": "photos",
            "true_class": CLASSES[TRUE[i]], "kind": kind, "strength": strength, "label": CLASSES[k],
            "probability": 0.5, "verdict": "named", "prediction_set": [CLASSES[k]],
        }
        for i, k in enumerate(named)
    ]  # fmt: skip


def test_field_and_laboratory_photos_are_distinguished(path):
    """Twelve field photos, three of them wrong."""
    write_records(path, photos="mine", config={"data": {"dirs": ["mine"], "field": ["mine"]}})
    line = lines_of(path)["outdoors"]
    assert (line.wrong, line.n) == (0.25, 12) and line.command is None
    assert line.text.startswith("25.0 % (8.9 to 53.2) of 12 photos from the field get a wrong answer.")


def test_without_field_photos_outdoors_is_not_measured(path):
    write_records(path)
    line = lines_of(path)["outdoors"]
    assert line.wrong is None and line.n == 0 and "--data path/to/field-photos" in line.command


def test_a_run_of_rendered_leaves_says_so(path):
    write_records(path, config={"data": {"dirs": ["leafsim:v1/1/0-9"]}}, photos="leafsim:v1/1")
    assert "learned from drawn leaves" in lines_of(path)["outdoors"].text


def test_unknown_diseases_that_are_accepted_count_as_wrong(path):
    """Of four, one is far, one between the limits, one near with two classes, one near and named."""
    write_records(path, card={"ood": OOD})
    record_distances(Run(path), "test", stranger("unknown_disease", [3, 1.5, 0.5, 0.5], [1, 1, 2, 1]))
    line = lines_of(path)["unknown"]
    assert (line.wrong, line.n) == (0.75, 4)
    assert "of 4 photos of diseases it never learned are not called unfamiliar; 25.0 % are given a single" in line.text


def test_the_nearest_recorded_kind_of_unknown_is_shown(path):
    write_records(path, card={"ood": OOD})
    record_distances(Run(path), "val", stranger("not_leaf", [3.0]))
    record_distances(Run(path), "val", stranger("unknown_crop", [0.5, 3.0]))
    line = lines_of(path)["unknown"]
    assert (line.wrong, line.n, line.file) == (0.5, 2, "eval/val/rejection.parquet")
    assert "leaves of crops it never learned" in line.text


def test_without_distances_or_a_detector_the_unknown_is_not_measured(path, tmp_path):
    write_records(path)
    assert "has no detector" in lines_of(path)["unknown"].text
    write_records(tmp_path / "other", card={"ood": OOD})
    assert "--save-distances" in lines_of(tmp_path / "other")["unknown"].command


def test_turned_photos_lose_answers_that_were_right(path):
    """Nine of twelve are right; turned, two of those nine go wrong, and one that was wrong becomes right."""
    write_records(path)
    turned = list(NAMED)
    turned[0], turned[1], turned[3] = 2, 2, TRUE[3]
    rows = robust_rows("clean", 0, NAMED) + robust_rows("turn", 4, turned)
    record_robustness(path, "test", rows, {})
    lines = lines_of(path)
    assert (lines["turned"].wrong, lines["turned"].n) == (pytest.approx(2 / 9), 9)
    assert "Turned by a quarter, 22.2 % (6.3 to 54.7) of 9 photos that were right go wrong." == lines["turned"].text
    assert lines["background"].wrong is None and "training.stress --run plain" in lines["background"].command


@pytest.mark.parametrize(("weights", "measured"), [("own", True), ("8" * 64, False), (None, True)])
def test_predictions_of_other_weights_do_not_count(path, weights, measured):
    write_records(path)
    weights = Run(path).model_card().sha256 if weights == "own" else weights
    rows = robust_rows("clean", 0, NAMED) + robust_rows("turn", 4, NAMED)
    record_robustness(path, "test", rows, {} if weights is None else {"weights_sha256": weights})
    assert (lines_of(path)["turned"].wrong is not None) == measured


def test_the_background_control_shows_the_accuracy_of_the_corners(path):
    write_records(path)
    none = {"count": 0, "first": []}
    report = {
        "photos": 12, "unreadable": [], "exact_copies": none, "near_duplicates": none, "conflicting_labels": none,
        "leaks": {"exact": none, "near": none, "group": {"count": 0}}, "plants_known": False, "photos_of_run": 12,
        "photos_of_run_checked": 12, "background_control": {"top1": 0.5, "n": 12, "largest_class": 0.25},
    }  # fmt: skip
    (path / "data_check.json").write_text(json.dumps(report))
    line = lines_of(path)["background"]
    assert line.wrong is None and line.page == "data" and line.n == 12
    assert (
        "Four corners without the leaf give away the class of 50.0 % of 12 photos (25.0 % by guessing), so" in line.text
    )


def audited(sha256: str) -> Audit:
    cue = measure_cue("another_background", np.ones(10, bool), np.arange(10) > 2, np.zeros(10, int))
    return Audit(10, 10, sha256, (cue,), ())


def test_the_background_is_read_off_the_audit_where_no_stress_was_recorded(path):
    write_records(path)
    record_audit(Run(path), "test", audited(f"{0:064x}"))
    line = lines_of(path)["background"]
    assert (line.wrong, line.n, line.file) == (pytest.approx(0.3), 10, "eval/test/audit.json")
    assert line.text == "With another background, 30.0 % (10.8 to 60.3) of 10 photos that were right go wrong."


def test_an_audit_of_other_weights_does_not_count(path):
    write_records(path)
    record_audit(Run(path), "test", audited("9" * 64))
    assert lines_of(path)["background"].wrong is None


def test_rare_classes_are_those_with_the_fewest_training_photos(path):
    """One class in four: tomato late blight, with one photo; two of its three test photos are right."""
    write_records(path)
    with open(path / "split.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["path", "sha256", "label", "role", "group"])
        for name, count in zip(CLASSES, [5, 4, 1, 3]):
            for i in range(count):
                writer.writerow([f"photos/train/{name}{i}", f"{i:064x}", name, "train", ""])
    line = lines_of(path)["rare"]
    assert (line.wrong, line.n) == (pytest.approx(1 / 3), 3)
    assert "of 3 photos of the class with the fewest training photos (1)" in line.text
    assert "over all classes 25.0 % do. Hardest of them: Tomato: late blight, 2 of 3 right." in line.text


def test_without_a_list_of_training_photos_the_evaluated_ones_count(path):
    write_records(path)
    line = lines_of(path)["rare"]
    assert "the class with the fewest evaluated photos (2)" in line.text and line.wrong == 0


def test_the_worst_comes_first_and_the_unmeasured_last(path):
    write_records(path, card={"ood": OOD}, photos="mine", config={"data": {"dirs": ["mine"], "field": ["mine"]}})
    record_distances(Run(path), "test", stranger("unknown_disease", [0.5, 3.0]))
    lines = trust_lines(Run(path))
    assert [line.topic for line in lines] == ["unknown", "outdoors", "rare", "turned", "background"]
    assert [line.wrong for line in lines] == [0.5, 0.25, 0.0, None, None]
    for line in lines[:3]:
        assert line.interval[0] <= line.wrong <= line.interval[1]


def test_a_run_without_predictions_says_how_to_record_them(path):
    write_records(path)
    (path / "eval/test/predictions.parquet").unlink()
    with pytest.raises(RunError, match="recorded no predictions; evaluate it first: python -m hvit evaluate"):
        trust_lines(Run(path))
