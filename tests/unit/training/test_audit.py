"""python -m training.audit on drawn photos."""

import json
import shutil

import pytest

from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.audit import read_audit
from training.audit import audit_run, main


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch) -> Run:
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path / "runs" / "tiny")


def test_an_audit_measures_every_cue_and_is_recorded(run, photo_folder, capsys):
    assert main(["--run", "tiny", "--data", str(photo_folder), "--json"]) == 0
    printed, found = json.loads(capsys.readouterr().out), read_audit(run, "test")
    assert found.n == 12 and found.weights_sha256 == load_checkpoint(run.path).sha256
    names = [cue.name for cue in found.cues]
    assert names == ["grey", "low_pass", "aspect", "leaf_only", "background_only", "another_background"]
    assert [cue.n for cue in found.cues] == [12, 12, 12, *[found.masked] * 3] and found.masked > 0
    assert [row["name"] for row in printed["cues"]] == names and printed["split"] == "test"


def test_photos_as_they_are_are_answered_as_an_evaluation_answers_them(run, photo_folder):
    from hvit.data.datasets.reading import read_samples
    from hvit.scoring.evaluation import evaluate

    checkpoint, samples = load_checkpoint(run.path), read_samples([photo_folder], "test")
    found = audit_run(run, checkpoint, samples, "test")
    assert found.cues[0].clean_top1 == pytest.approx(evaluate(checkpoint, samples).document["top1"])


def test_fewer_photos_are_taken_from_every_class(run, photo_folder):
    assert main(["--run", "tiny", "--data", str(photo_folder), "--split", "val", "--photos", "6"]) == 0
    assert read_audit(run, "val").n == 6


def test_a_class_that_the_run_does_not_know_is_named_and_nothing_is_written(run, photo_folder, capsys):
    shutil.copytree(photo_folder / "test" / "Tomato___healthy", "set/Rice___Blast")
    assert main(["--run", "tiny", "--data", "set"]) == 2
    assert "does not know the class Rice___Blast" in capsys.readouterr().err
    assert read_audit(run, "test") is None


def test_the_words_are_printed_with_the_table(run, photo_folder, capsys):
    assert main(["--run", "tiny", "--data", str(photo_folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny, 12 photos") and "Background alone" in said and "- " in said
