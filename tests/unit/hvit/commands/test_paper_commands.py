"""`hvit figure` and `hvit methods` on the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hvit.__main__ import main
from tests.support.recorded_runs import write_records

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with runs/hand, runs/wide-0 and runs/wide-1, where commands are run."""
    write_records(tmp_path / "runs" / "hand")
    for seed in (0, 1):
        write_records(tmp_path / "runs" / f"wide-{seed}", seed=seed, config={"epochs": 7})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys, *words):
    try:
        status = main([str(word) for word in words])
    except SystemExit as error:
        status = error.code
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.mark.parametrize(
    "words",
    [
        ["confusion", "--run", "hand"],
        ["reliability", "--run", "hand", "--split", "test"],
        ["curves", "--run", "hand", "wide-0", "wide-1", "--metric", "top1"],
        ["compare", "--run", "hand", "wide-0", "wide-1", "--labels", "One", "Two"],
    ],
    ids=lambda words: words[0],
)
def test_a_figure_comes_with_its_caption_and_one_json_document(here, capsys, words):
    status, out, err = answer(capsys, "figure", *words, "--out", "f.pdf", "--width", "8.5cm", "--json")
    found = json.loads(out)
    assert status == 0 and err == ""
    assert Path("f.pdf").read_bytes().startswith(b"%PDF") and found["width_mm"] == pytest.approx(85)
    assert Path("f.txt").read_text().startswith(found["caption"]) and "n = " in found["caption"]
    assert found["runs"][0]["run"] == "hand" and len(found["runs"][0]["weights_sha256"]) == 64
    assert all(len(sha256) == 64 for row in found["runs"] for sha256 in row["files"].values())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["confusion", "--run", "hnad", "--out", "f.pdf"], "no run hnad; did you mean hand?"),
        (["confusion", "--run", "hand", "--out", "f.doc"], "expected a name that ends in .pdf, .svg or .png"),
        (["confusion", "--run", "hand", "--out", "none/f.pdf"], "there is no folder none"),
        (["confusion", "--run", "hand", "--out", "f.pdf", "--width", "85"], "write 85mm, 8.5cm or 3.35in"),
        (["confusion", "--run", "hand", "--out", "f.pdf", "--width", "2mm"], "is not between 30 and 400 mm"),
        (["confusion", "--run", "hand", "--out", "f.pdf", "--split", "val"], "no predictions on val"),
        (["confusion", "--run", "hand", "--out", "f.pdf", "--metric", "top1"], "unknown option --metric"),
        (["confusion", "--run", "hand", "wide-0", "--out", "f.pdf"], "unexpected word 'wide-0'"),
        (["curves", "--run", "hand", "--out", "f.pdf", "--metric", "macro_f2"], "did you mean macro_f1?"),
        (["compare", "--run", "hand", "--out", "f.pdf", "--labels", "A", "B"], "--labels are 2"),
        (["confusoin", "--run", "hand", "--out", "f.pdf"], "unknown kind 'confusoin'; did you mean confusion?"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(here, capsys, words, expected):
    status, out, err = answer(capsys, "figure", *words)
    assert status == 2 and out == "" and err.count("\n") == 1 and expected in err
    assert not list(here.glob("f.*"))


def test_classes_that_become_crops_are_listed_on_stderr(here, capsys):
    classes = [f"Crop{k % 4}___Condition_{k:02d}" for k in range(40)]
    write_records(here / "runs" / "many", classes=classes)
    status, out, err = answer(capsys, "figure", "confusion", "--run", "many", "--out", "f.svg")
    assert status == 0 and "drawn by crop" in err and "f.svg: 85 x" in out
    assert "summed up by their 4 crops" in Path("f.txt").read_text()


def test_methods_prints_text_and_bibtex(here, capsys):
    status, out, err = answer(capsys, "methods", "--run", "hand")
    assert status == 0 and err == "" and out.startswith("Run hand: HViT-T") and "@software{hvit," in out
    found = json.loads(answer(capsys, "methods", "--run", "hand", "--json")[1])
    assert set(found) == {"run", "text", "keys", "bibtex"} and found["keys"] == ["hvit", "guo2017calibration"]
    assert out == f"{found['text']}\n\n{found['bibtex']}\n"


def test_methods_says_which_parent_is_not_here(here, capsys):
    write_records(here / "runs" / "after", info={"parent": "gone"})
    status, _, err = answer(capsys, "methods", "--run", "after")
    assert status == 0 and "after starts from gone, which is not here" in err


def test_methods_of_an_unknown_run_names_the_nearest(here, capsys):
    status, out, err = answer(capsys, "methods", "--run", "hnad")
    assert status == 2 and out == "" and "did you mean hand?" in err


def test_matplotlib_is_not_imported_before_a_figure_is_drawn():
    script = "import sys, hvit.__main__ as m; m.make_parser(); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


@pytest.fixture
def evaluated(here) -> Path:
    scores = {"n": 12, "top1": 0.75, "top1_ci": [0.468, 0.911], "macro_f1": 0.7}
    (here / "runs/hand/eval/test/metrics.json").write_text(json.dumps(scores))
    return here


def test_the_card_of_a_run_is_printed_or_written(evaluated, capsys):
    status, out, err = answer(capsys, "card", "--run", "hand")
    assert status == 0 and err == "" and out.startswith("# Model card: hand\n")
    assert answer(capsys, "card", "--run", "hand", "--out", "card.md") == (0, "", "")
    written = Path("card.md").read_text()
    assert "](runs/hand/eval/test/predictions.parquet)" in written  # a file links its evidence
    assert re.sub(r"\[(`[^`]+`)\]\([^)]+\)", r"\1", written) == out


def test_the_card_as_json_has_the_risks_in_full(evaluated, capsys):
    status, out, _ = answer(capsys, "card", "--run", "hand", "--json")
    found = json.loads(out)
    assert status == 0 and found["run"] == "hand" and found["markdown"].startswith("# Model card: hand")
    assert {row["topic"] for row in found["trust"]} == {"outdoors", "unknown", "turned", "background", "rare"}
    assert next(row for row in found["trust"] if row["topic"] == "rare")["wrong"] == 0.0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--run", "hnad"], "no run hnad; did you mean hand?"),
        (["--run", "hand", "--out", "card.pdf"], "expected a name that ends in .md"),
        (["--run", "hand", "--out", "none/card.md"], "there is no folder none"),
        (["--run", "wide-0"], "metrics.json"),
    ],
)
def test_a_card_that_cannot_be_made_is_refused_in_one_line(evaluated, capsys, words, expected):
    status, out, err = answer(capsys, "card", *words)
    assert status == 2 and out == "" and expected in err and err.count("\n") == 1
