"""From drawn leaves to real photos."""

import json
import shutil

import numpy as np
import pytest

from hvit.data.datasets.reading import read_samples
from hvit.data.leafsim import CONDITIONS
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.predict import predict_samples
from training import transfer as program
from training.transfer import COUNTERPARTS, counterpart, transfer


def test_every_counterpart_is_a_condition_that_leafsim_renders():
    assert set(COUNTERPARTS.values()) <= set(CONDITIONS)
    assert counterpart("Corn_(maize)___Common_rust") == counterpart("Coffee___Rust") == "Rust"
    assert counterpart("Peach___healthy") == "healthy" and counterpart("Grape___Esca_(Black_Measles)") is None


def test_the_answer_is_the_likeliest_of_the_conditions_that_occur(rendered_run, color_photos):
    checkpoint, samples = load_checkpoint(rendered_run), read_samples([color_photos], "test")
    result = transfer(checkpoint, samples)
    assert result["classes"] == ["Early_blight", "Late_blight", "healthy"] and result["n"] == 12
    assert result["chance"] == pytest.approx(1 / 3) and result["largest_share"] == pytest.approx(1 / 3)
    logits = predict_samples(checkpoint, samples).logits[:, [checkpoint.classes.index(c) for c in result["classes"]]]
    right = np.array([counterpart(s.label) for s in samples]) == np.array(result["classes"])[logits.argmax(1)]
    assert result["top1"] == right.mean() == pytest.approx(result["balanced_accuracy"])
    low, high = result["balanced_accuracy_ci"]
    assert low <= result["balanced_accuracy"] <= high
    assert np.sum(result["confusion"]) == 12


def test_the_result_is_recorded_in_the_run(rendered_run, color_photos, tmp_path, capsys):
    run_dir = tmp_path / "run"
    shutil.copytree(rendered_run, run_dir)
    assert program.main(["--run", str(run_dir), "--data", str(color_photos)]) == 0
    recorded = json.loads((run_dir / "eval" / "transfer" / "metrics.json").read_text())
    assert recorded["split"] == "test" and recorded["data"] == ["colors"]
    assert "guessing: 33.3 %" in capsys.readouterr().out and Run(run_dir).damaged_files() == []
    assert "eval/transfer/metrics.json" in json.loads((run_dir / "manifest.json").read_text())["files"]


def test_photos_without_a_counterpart_are_an_error(rendered_run, color_photos, tmp_path, capsys):
    shutil.copytree(color_photos / "test" / "Tomato___healthy", tmp_path / "x" / "test" / "Tomato___Leaf_Mold")
    assert program.main(["--run", str(rendered_run), "--data", str(tmp_path / "x")]) == 2
    assert "no photo shows a condition that run leafsim-tiny knows" in capsys.readouterr().err
