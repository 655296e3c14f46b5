"""Ablations: what follows from a plan, and the program from the first training to the table."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.ablations.plan import AblationPlan, trials_of
from training.config import ConfigError, load_config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def plan(tiny_config, color_photos, tmp_path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(
        f"name: parts\nconfig: {tiny_config}\nset: [epochs=2]\nseeds: [4]\ndata: ['{color_photos}']\ntta: true\n"
        "variants: {without_ema: [optim.ema_decay=0]}\n"
    )
    return path


def _words(plan: Path, runs: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "training.ablate", "--plan", str(plan), "--runs", str(runs), *more]


def _run(words: list[str]) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def _plan(path: Path, *changed: str) -> AblationPlan:
    return load_config(path, list(changed), AblationPlan)


def test_shipped_plans_ask_for_runs_that_can_be_made():
    for path in sorted((ROOT / "training" / "ablations").glob("*.yaml")):
        assert trials_of(_plan(path), Path("runs"))


def test_every_seed_begins_with_its_pretraining_and_all_start_from_it(plan, tmp_path):
    pretrain = "pretrain={config: training/configs/leafsim_mae.yaml, set: [epochs=1]}"
    trials = trials_of(_plan(plan, pretrain, "seeds=[0, 1]"), tmp_path)
    assert [trial.run_dir.name for trial in trials] == [
        f"parts-{what}-{seed}" for seed in (0, 1) for what in ("pretraining", "full", "without-ema")
    ]
    assert all(t.config.init == tmp_path / f"parts-pretraining-{t.seed}" for t in trials if t.variant)
    assert [t.config.optim.ema_decay for t in trials if t.variant] == [0.9, 0.0] * 2
    assert all(t.config.seed == t.seed for t in trials)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("variants={full: []}", "full is the variant without a change"),
        ("variants={a: [optim.lrr=1]}", "a: unknown key optim.lrr; did you mean lr?"),
        ("variant={}", "unknown key variant; did you mean variants?"),
        ("name=My Parts", "name"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_anything_runs(plan, tmp_path, change, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        trials_of(_plan(plan, change), tmp_path)


def test_an_ablation_is_trained_judged_told_and_not_done_twice(plan, tmp_path):
    runs = tmp_path / "runs"
    done = _run(_words(plan, runs, "--json"))
    assert done.returncode == 0, done.stderr
    full, without = json.loads(done.stdout)
    assert (full["variant"], full["gain"], without["variant"]) == ("full", None, "without_ema")
    assert without["gain"]["gain"] == pytest.approx(without["top1"] - full["top1"])
    assert 0 <= full["top1_tta"] <= 1
    info = json.loads((runs / "parts-full-4" / "run.json").read_text())
    assert info["tags"] == ["ablation=parts", "variant=full"]
    listed = json.loads((runs / "parts-full-4" / "manifest.json").read_text())["files"]
    assert "eval/test/tta.json" in listed

    again = _run(_words(plan, runs, "--json"))
    assert again.stdout == done.stdout and again.stderr.count("(trained)") == 2
    assert json.loads((runs / "parts-full-4" / "run.json").read_text()) == info

    plan.write_text(plan.read_text().replace("epochs=2", "epochs=3"))
    other = _run(_words(plan, runs))
    assert other.returncode == 2 and "was made with another epochs than the plan asks for" in other.stderr


def test_a_stop_is_handed_on_and_the_same_command_goes_on(plan, tmp_path):
    plan.write_text(plan.read_text().replace("epochs=2", "epochs=2000"))
    runs = tmp_path / "runs"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(_words(plan, runs), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    log = runs / "parts-full-4" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline and program.poll() is None:
        time.sleep(0.1)
    program.send_signal(signal.SIGTERM)
    said = program.communicate(timeout=60)[1]
    assert program.returncode == 75 and "run the same command to continue" in said
    assert json.loads((log.parent / "run.json").read_text())["status"] == "preempted"
    listed = _run(_words(plan, runs, "--dry-run"))
    assert "begun" in listed.stdout


@pytest.mark.slow
def test_one_that_fails_is_named_and_the_others_go_on(plan, tmp_path):
    plan.write_text(plan.read_text().replace("{without_ema", "{broken: [init=runs/nowhere], without_ema"))
    done = _run(_words(plan, tmp_path / "runs", "--only", "broken", "full"))
    assert done.returncode == 1 and "failed: parts-broken-4" in done.stderr
    assert (tmp_path / "runs" / "parts-full-4" / "eval" / "test" / "predictions.parquet").exists()
