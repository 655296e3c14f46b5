"""Scores under corruptions, by hand and against references; and how they are recorded."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvit.runs import Run, RunError, write_manifest
from hvit.scoring.robustness import cell_scores, curve, mean_curve, newly_misnamed, summary
from hvit.scoring.robustness_comparison import corruption_errors, difference_of_runs, drop, paired_difference, shared
from hvit.scoring.robustness_records import assembled_rows, read_robustness
from tests.support.stressed_runs import record_answers, rows_of

ANSWERS = {
    ("clean", 0): "CCCCCcCCWu",
    ("noise", 1): "CCCCCcCWWu",
    ("noise", 2): "CCcwWuuWWu",
    ("turn", 1): "CCCCCcCCCC",
    ("turn", 2): "CCCCCCCCuu",
}
BASELINE = {
    ("clean", 0): "CCCCCCWWWW",
    ("noise", 1): "CCCCCWWWWW",
    ("noise", 2): "CCCWWWWWWW",
    ("turn", 1): "CCCCCWWWWW",
    ("turn", 2): "CCCCCCCWWW",
}


@pytest.fixture
def run_of(tmp_path):
    """Makes a run with recorded answers, and reads them."""

    def make(answers, name="run", first=0):
        path = tmp_path / name
        path.mkdir()
        (path / "run.json").write_text(json.dumps({"schema_version": 1, "status": "done"}))
        write_manifest(path)
        record_answers(path, answers, first=first)
        return read_robustness(Run(path), "test")

    return make


def test_scores_of_a_cell_by_hand(run_of):
    scores = cell_scores(run_of(ANSWERS), "noise", 2)  # C C c w W u u W W u
    assert (scores.n, scores.top1) == (10, 0.3)
    assert scores.named == 0.5  # C C W W W
    assert scores.named_correct == 0.4
    assert scores.coverage == 0.4  # C C c w
    assert scores.set_size == 1.2  # c and w have two
    assert scores.accepted == 0.7
    assert scores.top1_ci == pytest.approx((0.1078, 0.6032), abs=1e-4)  # Wilson


def test_nothing_named_has_no_accuracy(run_of):
    found = run_of({("clean", 0): "CC", ("noise", 1): "uu"})
    assert cell_scores(found, "noise", 1).named_correct is None


def test_a_curve_begins_with_the_uncorrupted_photos(run_of):
    found = run_of(ANSWERS)
    assert [scores.strength for scores in curve(found, "noise")] == [0, 1, 2]
    assert [scores.top1 for scores in curve(found, "noise")] == [0.8, 0.7, 0.3]


def test_kinds_come_in_the_order_of_the_table_with_attacks_last(run_of):
    found = run_of({("clean", 0): "C", ("pgd", 1): "C", ("turn", 1): "C", ("defocus", 1): "C"})
    assert found.kinds == ("defocus", "turn", "pgd")


def test_the_mean_curve_counts_every_corruption_alike_and_no_attack(run_of):
    found = run_of(ANSWERS | {("pgd", 1): 10 * "u", ("pgd", 2): 10 * "u"})
    assert [scores.top1 for scores in mean_curve(found)] == pytest.approx([0.8, 0.85, 0.55])
    assert mean_curve(found)[2].named_correct == pytest.approx((2 + 8) / (5 + 8))


def test_an_attack_of_some_photos_is_compared_with_their_own_clean_predictions(run_of):
    found = run_of(ANSWERS | {("pgd", 1): "CCCW"})
    assert curve(found, "pgd")[0].n == 4
    assert drop(found, "pgd", 1).first == 1


def test_photos_that_are_named_as_another_under_a_change(run_of):
    found = run_of(ANSWERS | {("pgd", 1): "WWCCC"})
    # C at first in rows 0 to 4, 6 and 7; of these W: row 7 under noise 1, row 4 and 7 under noise 2
    assert newly_misnamed(found) == (3, 4 * 7)
    assert newly_misnamed(found, ["pgd"]) == (2, 5)


def test_corruption_errors_by_hand(run_of):
    errors = corruption_errors(run_of(ANSWERS), run_of(BASELINE, "baseline"))
    noise, turn = (0.3 + 0.7) / (0.5 + 0.7), (0.0 + 0.2) / (0.5 + 0.3)
    assert errors.by_kind == pytest.approx({"noise": noise, "turn": turn})
    assert errors.mean == pytest.approx((noise + turn) / 2)
    relative = (0.3 + 0.7 - 2 * 0.2) / (0.5 + 0.7 - 2 * 0.4)
    assert errors.relative_by_kind == {"noise": pytest.approx(relative), "turn": None}  # that of the baseline falls
    assert errors.relative_mean == pytest.approx(relative)
    assert errors.n == 10


def test_a_baseline_without_errors_leaves_the_corruption_error_undefined(run_of):
    perfect = {cell: "CC" for cell in ANSWERS}
    errors = corruption_errors(run_of({cell: "CW" for cell in ANSWERS}), run_of(perfect, "baseline"))
    assert errors.mean is None and errors.by_kind == {"noise": None, "turn": None}


def test_runs_are_compared_on_the_photos_that_both_answered(run_of):
    first, second = run_of(ANSWERS), run_of({cell: "CCCC" for cell in ANSWERS}, "second", first=8)
    one, other = shared(first, second)
    assert one.paths == other.paths == ("photos/8.png", "photos/9.png")
    found = difference_of_runs(first, second, "noise", 1)
    assert (found.n, found.first, found.second) == (2, 0, 1)


def test_runs_without_a_shared_photo_are_refused(run_of):
    with pytest.raises(ValueError, match="stressed on different photos"):
        shared(run_of(ANSWERS), run_of(ANSWERS, "second", first=100))


def test_runs_without_a_shared_kind_are_refused(run_of):
    with pytest.raises(ValueError, match="share no kind of change"):
        shared(run_of({("clean", 0): "C", ("turn", 1): "C"}), run_of({("clean", 0): "C", ("noise", 1): "C"}, "second"))


def test_a_paired_difference_by_hand():
    first = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], bool)
    second = np.array([1, 1, 1, 0, 0, 0, 0, 1, 0, 0], bool)
    found = paired_difference(first, second)
    assert found.difference == pytest.approx(-0.3)
    center, spread = (2 - 5) / 12, (2 + 5) / 12  # one photo is added to each kind of disagreement
    half = 1.959964 * np.sqrt((spread - center**2) / 12)
    assert (found.low, found.high) == pytest.approx((center - half, center + half), abs=1e-6)
    assert found.test.p == pytest.approx(2 * (1 + 5) / 2**5)  # 1 of 5 or fewer, on either side


def test_no_photos_cannot_be_compared():
    with pytest.raises(ValueError, match="no photos to compare"):
        paired_difference(np.array([], bool), np.array([], bool))


pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(st.lists(st.booleans(), min_size=n, max_size=n).map(np.array) for _ in range(2)))
)


@given(pairs)
def test_a_paired_difference_turns_its_sign_with_the_order(pair):
    one, other = paired_difference(*pair), paired_difference(*pair[::-1])
    assert one.difference == -other.difference
    assert one.low == pytest.approx(-other.high) and one.test.p == other.test.p
    assert -1 <= one.low < one.high <= 1


@given(pairs)
def test_a_paired_difference_is_that_of_sklearn_accuracies(pair):
    from sklearn.metrics import accuracy_score

    truth = np.ones(len(pair[0]), int)
    expected = accuracy_score(truth, pair[1].astype(int)) - accuracy_score(truth, pair[0].astype(int))
    assert paired_difference(*pair).difference == pytest.approx(expected)


@given(st.data())
def test_corruption_errors_of_a_run_with_itself_are_one(data):
    letters = st.text("CWcwu", min_size=6, max_size=6)
    answers = {("clean", 0): data.draw(letters), ("noise", 1): data.draw(letters), ("noise", 2): data.draw(letters)}
    found = assembled(answers)
    errors = corruption_errors(found, found)
    assert errors.by_kind["noise"] in (None, pytest.approx(1))
    assert cell_scores(found, "noise", 1).named <= cell_scores(found, "noise", 1).accepted


def assembled(answers):
    rows = rows_of(answers)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["prediction_set"] = ["\n".join(classes) for classes in columns["prediction_set"]]
    return assembled_rows("run", "test", columns)


def test_the_summary_holds_all_cells_and_the_baseline(run_of):
    document = summary(run_of(ANSWERS), run_of(BASELINE, "baseline"))
    assert json.loads(json.dumps(document, allow_nan=False))["n"] == 10
    assert [cell["top1"] for cell in document["kinds"]["noise"]] == [0.7, 0.3]
    assert document["kinds"]["noise"][1]["drop"]["difference"] == pytest.approx(-0.5)
    assert document["baseline"]["run"] == "baseline" and len(document["mean"]) == 3


def test_a_run_without_records_has_none(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"schema_version": 1}))
    assert read_robustness(Run(tmp_path), "test") is None


def test_records_are_listed_in_the_manifest(run_of, tmp_path):
    run_of(ANSWERS)
    files = json.loads((tmp_path / "run" / "manifest.json").read_text())["files"]
    assert {"eval/test/robustness.parquet", "eval/test/robustness.json"} <= set(files)
    assert Run(tmp_path / "run").damaged_files() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [row | {"verdict": "sure"} for row in rows], "holds the verdict 'sure'"),
        (lambda rows: [row | {"probability": 1.5} for row in rows], "probabilities outside 0 to 1"),
        (lambda rows: [row | {"strength": 0.5} for row in rows], "strengths that are no whole numbers"),
        (lambda rows: rows + rows[:1], "two rows for one photo"),
        (lambda rows: [row for row in rows if row["kind"] != "clean"], "lacks the unchanged version of some photos"),
        (lambda rows: [{k: v for k, v in row.items() if k != "label"} for row in rows], "lacks the column label"),
        (lambda rows: rows[:-1], "lacks rows of some photos under turn"),
        (
            lambda rows: [r for r in rows if (r["kind"], r["strength"]) != ("turn", 2)],
            "corruptions at different strengths",
        ),
        (lambda rows: [], "are damaged|is empty"),
        (lambda rows: [row | {"kind": f"kind {i}"} for i, row in enumerate(3 * rows)], "more than 64 kinds"),
    ],
)
def test_a_damaged_table_is_refused_with_its_reason(run_of, tmp_path, change, message):
    run_of(ANSWERS)
    rows = change(rows_of(ANSWERS))
    names = list(rows[0]) if rows else list(rows_of(ANSWERS)[0])
    columns = {name: [row[name] for row in rows] for name in names}
    columns["prediction_set"] = ["\n".join(classes) for classes in columns["prediction_set"]]
    if not rows:
        columns = {
            name: pa.array([], pa.float32() if name in ("strength", "probability") else pa.string()) for name in names
        }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    (tmp_path / "run" / "eval" / "test" / "robustness.parquet").write_bytes(buffer.getvalue())
    with pytest.raises(RunError, match=message):
        read_robustness(Run(tmp_path / "run"), "test")
