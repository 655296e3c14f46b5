"""Ablations: what follows from a plan, and the program from the first training to the table."""

import contextlib
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.micro_trainings import MICRO
from training import ablate
from training.ablations.plan import AblationPlan, trials_of
from training.config import ConfigError, load_config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def plan(tiny_config, color_photos, tmp_path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(
        f"name: parts\nconfig: {tiny_config}\nset: ['{MICRO}', epochs=2]\nseeds: [4]\n"
        f"data: ['{color_photos}']\ntta: true\n"
        "variants: {without_ema: [optim.ema_decay=0]}\n"
    )
    return path


class _CallInThisProcess:
    """In the place of `subprocess.Popen`: calls `main` of the program here, which saves its imports."""

    def __init__(self, words: list[str], stdout, start_new_session: bool):
        module = importlib.import_module("hvit.__main__" if words[2] == "hvit" else words[2])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.returncode = module.main(words[3:])
        self._printed = printed.getvalue().encode()

    def communicate(self) -> tuple[bytes, None]:
        return self._printed, None


@pytest.fixture
def in_this_process(monkeypatch):
    programs = SimpleNamespace(Popen=_CallInThisProcess, PIPE=subprocess.PIPE)
    monkeypatch.setattr(ablate, "subprocess", programs)


def _words(plan: Path, runs: Path, *more: str) -> list[str]:
    return ["--plan", str(plan), "--runs", str(runs), *more]


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
    ("change", "expected"),
    [
        ("variants={full: []}", "full is the variant without a change"),
        ("variants={a: [optim.lrr=1]}", "a: unknown key optim.lrr; did you mean lr?"),
        ("variant={}", "unknown key variant; did you mean variants?"),
        ("name=My Parts", "name"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_anything_runs(plan, tmp_path, change, expected):
    with pytest.raises(ConfigError, match=expected.replace("?", r"\?")):
        trials_of(_plan(plan, change), tmp_path)


def test_an_ablation_is_trained_evaluated_and_not_done_twice(plan, tmp_path, capsys, in_this_process):
    runs = tmp_path / "runs"
    assert ablate.main(_words(plan, runs, "--json")) == 0
    first = capsys.readouterr().out
    full, without = json.loads(first)
    assert (full["variant"], full["gain"], without["variant"]) == ("full", None, "without_ema")
    assert without["gain"]["gain"] == pytest.approx(without["top1"] - full["top1"])
    assert 0 <= full["top1_tta"] <= 1
    info = json.loads((runs / "parts-full-4" / "run.json").read_text())
    assert info["tags"] == ["ablation=parts", "variant=full"]
    listed = json.loads((runs / "parts-full-4" / "manifest.json").read_text())["files"]
    assert "eval/test/tta.json" in listed

    assert ablate.main(_words(plan, runs, "--json")) == 0
    out, err = capsys.readouterr()
    assert out == first and err.count("(trained)") == 2
    assert json.loads((runs / "parts-full-4" / "run.json").read_text()) == info

    plan.write_text(plan.read_text().replace("epochs=2", "epochs=3"))
    assert ablate.main(_words(plan, runs)) == 2
    assert "was made with another epochs than the plan asks for" in capsys.readouterr().err


def test_a_stop_signal_is_forwarded_and_the_same_command_can_resume(plan, tmp_path, capsys):
    plan.write_text(plan.read_text().replace("epochs=2", "epochs=2000"))
    runs = tmp_path / "runs"
    command = [sys.executable, "-m", "training.ablate", *_words(plan, runs)]
    program = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    )
    log = runs / "parts-full-4" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline and program.poll() is None:
        time.sleep(0.1)
    program.send_signal(signal.SIGTERM)
    text = program.communicate(timeout=60)[1]
    assert program.returncode == 75 and "run the same command to continue" in text
    assert json.loads((log.parent / "run.json").read_text())["status"] == "preempted"
    assert ablate.main(_words(plan, runs, "--dry-run")) == 0 and "begun" in capsys.readouterr().out


def test_a_failed_training_is_named_and_the_others_run(plan, tmp_path, capsys, in_this_process):
    plan.write_text(plan.read_text().replace("{without_ema", "{broken: [init=runs/nowhere], without_ema"))
    assert ablate.main(_words(plan, tmp_path / "runs", "--only", "broken", "full")) == 1
    assert "failed: parts-broken-4" in capsys.readouterr().err
    assert (tmp_path / "runs" / "parts-full-4" / "eval" / "test" / "predictions.parquet").exists()
