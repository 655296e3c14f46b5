"""The audit of shortcuts: shares by hand, what rows mean, and the file that holds them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvit.runs import Run, RunError
from hvit.runs.predictions import Predictions
from hvit.scoring import audit_words
from hvit.scoring.audit import (
    Audit,
    aspect_cue,
    attribution_share,
    corners_cue,
    measure_cue,
    measure_transfer,
    newcombe,
    read_audit,
    record_audit,
)
from hvit.scoring.audit_rows import TITLES, AttributionShare, Cue, Transfer
from tests.support.recorded_runs import write_records


def cue(name: str, lost: float | None = 0.1, top1: float = 0.5, low: float = 0.4, guess: float = 0.3) -> Cue:
    return Cue(name, 100, top1, (low, 0.6), 0.9, lost, None if lost is None else (0.0, 0.2), guess)


def test_the_loss_under_corruption_counts_photos_that_were_correct():
    """Of four, three right; changed, one of those goes wrong and the fourth becomes right."""
    found = measure_cue("grey", np.array([1, 1, 1, 0], bool), np.array([1, 1, 0, 1], bool), np.array([0, 0, 1, 1]))
    assert (found.n, found.top1, found.clean_top1, found.guess) == (4, 0.75, 0.75, 0.5)
    assert found.lost == pytest.approx(1 / 3)
    assert found.lost_ci[0] < found.lost < found.lost_ci[1]


def test_without_correct_photos_no_accuracy_can_be_lost():
    found = measure_cue("grey", np.zeros(2, bool), np.ones(2, bool), np.array([0, 1]))
    assert found.lost is None and audit_words.meaning(found) == "No photo was right to begin with."


def test_no_photos_are_refused():
    with pytest.raises(ValueError, match="no photos to measure leaf alone on"):
        measure_cue("leaf_only", np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, int))


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_newcombes_interval_holds_the_difference_and_turns_with_it(n, m, data):
    first, second = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    low, high = newcombe(first, n, second, m)
    assert -1 - 1e-9 <= low <= first / n - second / m + 1e-9 <= high + 2e-9 <= 1 + 3e-9
    assert newcombe(second, m, first, n) == pytest.approx((-high, -low))


def test_newcombes_interval_is_that_of_his_paper():
    """Newcombe 1998, table II, method 10: 9/10 and 3/10."""
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=1e-4)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (cue("grey", 0.02), "it does not depend on color"),
        (cue("grey", 0.5), "depends on color, and so on light and camera"),
        (cue("low_pass", 0.9), "it needs detail, as an expert would"),
        (cue("low_pass", 0.01), "a strong sign of a shortcut"),
        (cue("leaf_only", 0.2), "part of its answers need the background"),
        (cue("another_background", 0.6), "60 % of the right answers are lost: the background decides many"),
        (cue("background_only"), "50 % are still right (30 % by guessing): the background tells part of the class"),
        (cue("background_only", low=0.2), "no more than by guessing (30 %): the background tells nothing"),
        (cue("aspect_only", None, low=0.2), "no more than by guessing (30 %): the shape of the frame tells nothing"),
        (cue("corners", None), "that sees four corners alone is right on 50 % (30 % by guessing)"),
    ],
)
def test_each_row_says_what_it_means(row, expected):
    assert expected in audit_words.meaning(row)


def test_every_cue_has_a_title_and_a_meaning_at_every_amount():
    for name in TITLES:
        assert all(audit_words.meaning(cue(name, lost)).endswith(".") for lost in (0.0, 0.1, 0.9))


def test_transfer_takes_classes_with_enough_photos_of_both_the_largest_loss_first():
    """A: 10 of 10 in the laboratory, 5 of 10 in the field; B: 5 of 5 and 5 of 5; C has no field photos."""
    labels = np.array([0] * 20 + [1] * 10 + [2] * 6)
    wrong = np.zeros(36, bool)
    wrong[10:15] = True
    probs = np.eye(3)[np.where(wrong, 1, labels)]
    places = ["lab"] * 10 + ["field"] * 10 + ["lab"] * 5 + ["field"] * 5 + ["lab"] * 6
    paths = tuple(f"{place}/{i}" for i, place in enumerate(places))
    found = measure_transfer(Predictions("r", "test", ("A", "B", "C"), paths, paths, labels, probs, True), ["field"])
    assert [(row.name, row.laboratory, row.field, row.difference) for row in found] == [
        ("A", 1.0, 0.5, -0.5),
        ("B", 1.0, 1.0, 0.0),
    ]
    assert "recognized 50 points less often in the field" in audit_words.transfer_meaning(found[0])
    assert "no significant difference" in audit_words.transfer_meaning(found[1])


def test_the_corners_are_a_row_of_another_classifier():
    row = corners_cue({"top1": 0.25, "n": 8, "largest_class": 0.5})
    assert (row.n, row.top1, row.clean_top1, row.lost, row.guess) == (8, 0.25, None, None, 0.5)


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(write_records(tmp_path / "mine"))


def test_what_is_recorded_is_read_again(run):
    transfer = Transfer("A", 10, 1.0, 10, 0.5, -0.5, (-0.7, -0.1))
    written = Audit(
        100, 80, "f" * 64, (cue("grey"), corners_cue({"top1": 0.2, "n": 5, "largest_class": 0.1})), (transfer,),
        "masks", (AttributionShare("lesion", "gradcam", 30, 0.4, 0.1, 0.3, (0.2, 0.4)),),
    )  # fmt: skip
    record_audit(run, "test", written)
    assert read_audit(run, "test") == written and read_audit(run, "val") is None
    rows = json.loads((run.path / "eval/test/audit.json").read_text())
    assert all(row["meaning"].endswith(".") for row in rows["cues"] + rows["transfer"])
    assert "eval/test/audit.json" in run.manifest()


@pytest.mark.parametrize("damage", [{"cues": [{"name": "odd"}]}, {"cues": 3}, {"n": None}, {"transfer": None}])
def test_a_damaged_file_is_refused(run, damage):
    record_audit(run, "test", Audit(1, 1, "f", (cue("grey"),), ()))
    path = run.path / "eval/test/audit.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(RunError, match="audit.json of run mine is damaged; make it again"):
        read_audit(run, "test")


def test_proportions_alone_answer_with_the_most_frequent_class_of_the_nearest_proportions():
    """Square photos were twice class 1 and once class 0, wide ones class 2; 200 x 300 is nearer to wide."""
    training = np.array([[10, 10], [20, 20], [30, 30], [10, 20]]), np.array([1, 1, 0, 2])
    found = aspect_cue(np.array([[50, 50], [200, 300], [7, 7]]), np.array([1, 2, 0]), *training)
    assert (found.name, found.n, found.clean_top1) == ("aspect_only", 3, None)
    assert found.top1 == pytest.approx(2 / 3)


def test_proportions_need_photos_to_learn_from():
    with pytest.raises(ValueError, match="photos to learn from"):
        aspect_cue(np.ones((1, 2)), np.zeros(1, int), np.ones((0, 2)), np.zeros(0, int))


def test_a_share_of_the_attribution_is_compared_with_the_area():
    """Leads of 0.1, 0.3 and 0.5: mean 0.3, standard error 0.2 / sqrt(3)."""
    found = attribution_share("leaf", "gradcam", np.array([0.5, 0.8, 1.0]), np.array([0.4, 0.5, 0.5]))
    assert (found.n, found.share, found.lead) == (3, pytest.approx(2.3 / 3), pytest.approx(0.3))
    assert found.lead_ci == pytest.approx((0.3 - 1.959964 * 0.2 / 3**0.5, 0.3 + 1.959964 * 0.2 / 3**0.5), abs=1e-5)


def test_one_photo_has_no_interval():
    with pytest.raises(ValueError, match="1 photos show the leaf"):
        attribution_share("leaf", "gradcam", np.ones(1), np.ones(1))


@pytest.mark.parametrize(
    ("region", "interval", "expected"),
    [
        ("leaf", (0.1, 0.3), "puts 70 % of its attribution on the leaf, which covers 50 % of the photo: "),
        ("lesion", (0.1, 0.3), "within the leaf on symptoms, which cover 50 % of the leaf: "),
        ("lesion", (-0.1, 0.3), "no more than by chance"),
        ("leaf", (-0.3, -0.1), "less than by chance"),
    ],
)
def test_a_share_says_what_it_means(region, interval, expected):
    row = AttributionShare(region, "gradient_rollout", 9, 0.7, 0.5, 0.2, interval)
    assert audit_words.attribution_meaning(row).startswith("Gradient rollout puts")
    assert expected in audit_words.attribution_meaning(row)


def test_an_audit_of_before_has_masks_by_color_and_no_attribution(run):
    record_audit(run, "test", Audit(1, 1, "f", (cue("grey"),), ()))
    path = run.path / "eval/test/audit.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({key: document[key] for key in document if key not in ("leaf_masks", "attribution")}))
    found = read_audit(run, "test")
    assert found.leaf_masks is None and found.attribution == ()
