"""The program itself: alone, under torchrun, stopped and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.process_groups import run_group
from training import finetune

ROOT = Path(__file__).parents[3]
MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"


def _train(words: list, num_processes: int = 1) -> list[int]:
    """Exit status of each process."""
    words = [str(word) for word in words]
    return [finetune.main(words)] if num_processes == 1 else run_group(finetune.main, num_processes, words)


def _losses(run_dir: Path) -> dict[int, float]:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["loss"] for row in rows if row["split"] == "train"}


@pytest.fixture(scope="module")
def trained(tiny_config, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "colors"
    assert _train(["--config", tiny_config, "--run-dir", run_dir, "--set", "epochs=12"]) == [0]
    return run_dir


def test_a_run_learns_and_can_predict(trained, color_photos):
    from hvit.diagnosis import diagnose
    from hvit.runs.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(trained)
    photos = sorted((color_photos / "test").rglob("*.png"))
    right = [diagnose(checkpoint, photo.read_bytes()).label == photo.parent.name for photo in photos]
    assert np.mean(right) > 0.6  # chance is 0.33
    assert checkpoint.temperature > 0 and 0 < checkpoint.conformal.alpha < 1


def test_a_run_records_what_it_did(trained):
    info = json.loads((trained / "run.json").read_text())
    assert info["status"] == "done" and info["kind"] == "finetune" and info["seed"] == 3
    assert info["summary"]["calibrate_n"] > 0
    roles = [line.split(",")[-2] for line in (trained / "split.csv").read_text().splitlines()[1:]]
    assert roles.count("train") == 48 and roles.count("select") + roles.count("calibrate") == 24
    assert roles.count("select") > 0 and roles.count("calibrate") > 0


@pytest.mark.case("T9")
def test_processes_and_accumulation_equal_one_pass_at_the_same_global_batch(tiny_config, tmp_path):
    changes = [MICRO, "epochs=14", "log_every=1", "eval_every=100", "model.drop_path_rate=0.2"]
    changes += ["augment.mix_probability=1.0"]
    common = ["--config", tiny_config, *(word for change in changes for word in ("--set", change))]
    assert _train([*common, "--set", "batch_size=32", "--run-dir", tmp_path / "alone"]) == [0]
    assert _train([*common, "--set", "batch_size=8", "--run-dir", tmp_path / "four"], 4) == [0] * 4
    halves = ["--set", "batch_size=16", "--set", "accum_steps=2"]
    assert _train([*common, *halves, "--run-dir", tmp_path / "halves"]) == [0]
    one = _losses(tmp_path / "alone")
    for name in ("four", "halves"):
        other = _losses(tmp_path / name)
        assert len(one) >= 20 and one.keys() == other.keys()
        assert max(abs(one[step] - other[step]) for step in list(one)[:20]) < 1e-5, name


def test_a_run_that_breaks_says_so(tiny_config, tmp_path, monkeypatch):
    def breaks(*arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(finetune, "train_step", breaks)
    with pytest.raises(RuntimeError, match="out of memory"):
        finetune.main(["--config", str(tiny_config), "--run-dir", str(tmp_path / "run")])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


def test_a_stopped_run_resumes_bit_for_bit(tiny_config, tmp_path):
    settings = [MICRO, "epochs=20", "log_every=1", "eval_every=8"]
    words = ["--config", tiny_config, *(word for setting in settings for word in ("--set", setting))]
    words += ["--run-dir", tmp_path / "stopped"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "training.finetune", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "stopped" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 5):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 75
    assert json.loads((tmp_path / "stopped" / "run.json").read_text())["status"] == "preempted"
    assert _train([*words, "--resume"]) == [0]
    assert _train([*words[:-1], tmp_path / "straight"]) == [0]
    assert _losses(tmp_path / "stopped") == _losses(tmp_path / "straight")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "straight")]
    assert weights[0] == weights[1]


@pytest.mark.case("T16")
@pytest.mark.parametrize(
    "words, expected",
    [
        (["--set", "optim.lrr=1"], "did you mean lr"),
        (["--set", "data.dirs=[nowhere]"], "nowhere: no such folder"),
        (["--set", "data.calibrate_only=[others]"], "others"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(tiny_config, tmp_path, capsys, words, expected):
    assert _train(["--config", tiny_config, "--run-dir", tmp_path / "run", *words]) == [2]
    assert expected in capsys.readouterr().err


def test_a_finished_run_is_not_overwritten(trained, tiny_config):
    before = (trained / "model.safetensors").read_bytes()
    assert _train(["--config", tiny_config, "--run-dir", trained]) == [2]
    assert (trained / "model.safetensors").read_bytes() == before
