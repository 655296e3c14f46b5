"""The tables of the recorded answers under corruptions."""

import json
import shutil

import pytest

from hvit.runs import Run
from hvit.scoring.robustness_records import read_robustness, record_robustness
from tests.support.stressed_runs import rows_of
from training import stress_report as program

CLEAN = "CCCCCcCCWu"
ANSWERS = {("clean", 0): CLEAN} | {(kind, s): "CCCCCcCWWu" for kind in ("noise", "pgd") for s in range(1, 6)}
WORSE = {("clean", 0): CLEAN} | {("noise", s): "CWWWWWWWWu" for s in range(1, 6)}
ABOUT = {"data": ["photos"], "seed": 0, "attacked": 10, "weights_sha256": "ab" * 32}


@pytest.fixture
def stressed(tiny_run, tmp_path):
    """Two stressed runs, and a document for their tables."""
    for name, answers in (("first", ANSWERS), ("second", WORSE)):
        shutil.copytree(tiny_run, tmp_path / name)
        record_robustness(tmp_path / name, "test", rows_of(answers), ABOUT | {"run": name})
    (tmp_path / "page.md").write_text(f"before\n{program.BEGIN}\nold\n{program.END}\nafter\n")
    return tmp_path


def report(folder, *runs):
    return program.main(["--run", *(str(folder / run) for run in runs), "--out", str(folder / "page.md")])


def test_tables_stand_between_their_marks(stressed):
    assert report(stressed, "first", "second") == 0
    text = (stressed / "page.md").read_text()
    assert "Leaves found by color." in text
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| Sensor noise | 80.0 | 70.0 | 70.0 | 70.0 | 70.0 | 70.0 | -10.0 (" in text
    assert "| PGD attack | 80.0 | 70.0 |" in text
    assert "### second against first" in text and "**mCE 3.00**" in text  # 0.9 over 0.3
    assert "| Sensor noise | -60.0 (" in text


def test_a_comparison_corrects_for_the_number_of_comparisons(stressed):
    one, other = (read_robustness(Run(stressed / name), "test") for name in ("first", "second"))
    text = program.comparison(one, other)
    assert "Holm's correction for 2 comparisons" in text
    assert "| 0.062 |" in text  # 6 of 6 differ: twice 2 / 2^6


def test_runs_with_different_leaf_masks_are_not_compared(stressed, capsys):
    about = ABOUT | {"run": "second", "leaf_masks": "first"}
    record_robustness(stressed / "second", "test", rows_of(WORSE), about)
    assert report(stressed, "first", "second") == 2
    text = capsys.readouterr().err
    assert "(first by color, second by the segmentation head of first); stress all runs with the same" in text


def test_a_run_without_records_is_refused(stressed, tiny_run, capsys):
    shutil.copytree(tiny_run, stressed / "third")
    assert report(stressed, "third") == 2
    assert "run third has no robustness on test; record it: python -m training.stress" in capsys.readouterr().err


def test_a_document_without_marks_is_left_as_it_is(stressed, capsys):
    (stressed / "page.md").write_text("nothing")
    assert report(stressed, "first") == 2
    assert "lacks the lines" in capsys.readouterr().err
    assert (stressed / "page.md").read_text() == "nothing"
    document = json.loads((stressed / "first" / "eval" / "test" / "robustness.json").read_text())
    assert document == ABOUT | {"run": "first"}
