"""python -m training.audit on drawn photos."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.audit import read_audit
from hvit.scoring.leaf_masks import LeafMasks
from training import audit as program
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
    assert names == ["grey", "low_pass", "aspect", "leaf_only", "background_only", "another_background", "aspect_only"]
    assert [cue.n for cue in found.cues] == [12, 12, 12, *[found.masked] * 3, 12] and found.masked > 0
    assert found.leaf_masks is None and found.attribution == ()  # it has neither head nor tested explanations
    assert [row["name"] for row in printed["cues"]] == names and printed["split"] == "test"


def test_unchanged_photos_are_predicted_as_in_an_evaluation(run, photo_folder):
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
    text = capsys.readouterr().out
    assert text.startswith("tiny, 12 photos") and "Background alone" in text and "- " in text


def test_the_best_tested_method_says_where_it_looks_by_the_masks_of_the_head(run, photo_folder, monkeypatch):
    def upper_half(pixels):
        leaf = np.zeros(pixels.shape[:2], bool)
        leaf[: len(leaf) // 2] = True
        return LeafMasks(leaf, leaf & (np.arange(leaf.shape[1]) < 10), None)

    monkeypatch.setattr(program, "best_method", lambda _: "gradcam")
    monkeypatch.setattr(program, "run_that_segments", lambda checkpoint, named: checkpoint)
    monkeypatch.setattr(program, "segmented", lambda _: upper_half)
    assert main(["--run", "tiny", "--data", str(photo_folder), "--photos", "4"]) == 0
    found = read_audit(run, "test")
    assert found.leaf_masks == "tiny" and found.masked == 4
    assert {(row.region, row.method) for row in found.attribution} <= {("leaf", "gradcam"), ("lesion", "gradcam")}
    assert found.attribution[0].area == pytest.approx(0.5)


def test_sides_are_those_of_the_upright_photo(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert program._sides(SimpleNamespace(path=tmp_path / "a.jpg")) == (40, 30)
