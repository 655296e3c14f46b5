"""Steps whose loss or gradients are not finite."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hvit.runs import Run
from tests.support.micro_trainings import HERE, MICRO, last_state_of, losses_of, weights_of
from training import finetune, pretrain
from training.config import load_config
from training.engine.checkpoints import Checkpoints
from training.engine.gradient_guard import GradientGuard
from training.engine.trainer import Training
from training.parallel.signals import GaveUp, Signals
from training.parallel.world import join_world


@pytest.mark.parametrize(
    "loss_too",
    [
        pytest.param(True, marks=pytest.mark.case("T10"), id="loss"),
        pytest.param(False, marks=pytest.mark.case("T11"), id="gradients"),
    ],
)
def test_a_step_without_numbers_changes_nothing_and_is_counted(words, run_dir, spoiled, at_step, loss_too, capsys):
    spoiled({3}, loss_too)
    kept = []
    for step in (3, 4):
        at_step(step, lambda run: kept.append(weights_of(run)))
    assert finetune.main(words) == 0
    assert all(torch.equal(before, after) for before, after in zip(*kept, strict=True))
    assert Run(run_dir).info.summary["skipped_steps"] == 1
    row = next(row for row in Run(run_dir).metrics() if row["step"] == 4)
    assert row["step"] == 4 and row["skipped_steps"] == 1 and row["grad_norm"] is None
    assert (row["loss"] is None) == loss_too
    skipped = json.loads((run_dir / "skipped.jsonl").read_text())
    with join_world("cpu") as world:
        run = finetune.Finetuning(load_config(Path(words[1]), words[7::2]), run_dir.parent / "other", None, world)
    photos = [run.datasets.train.samples[i].relative for i in run.sampler(np.arange(48, 64))]
    assert skipped == {"step": 4, "processes": [0], "photos": photos}


@pytest.mark.case("T10")
def test_many_steps_without_numbers_in_a_row_end_the_run(words, run_dir, spoiled, capsys):
    spoiled({0, 2, 3, 4}, True)
    assert finetune.main([*words, "--set", "skip_limit=3"]) == 3
    info = Run(run_dir).info
    assert info.status == "failed" and info.exit_status == 3 and info.summary["stopped_at_step"] == 5
    assert "not finite in 3 steps in a row" in info.summary["reason"] and "in a row" in capsys.readouterr().err
    steps = [json.loads(line)["step"] for line in (run_dir / "skipped.jsonl").read_text().splitlines()]
    assert steps == [1, 3, 4, 5]


def test_one_skipped_step_is_no_collapse_of_a_pretraining(words, run_dir, monkeypatch):
    true_step = pretrain.Pretraining._gradients
    monkeypatch.setattr(
        pretrain.Pretraining, "_gradients", lambda self: true_step(self) * (torch.nan if self.step == 1 else 1)
    )
    config = run_dir.with_suffix(".yaml")
    data = load_config(Path(words[1]), []).data
    config.write_text(
        f"data: {{dirs: ['{data.dirs[0]}'], cache_dir: '{data.cache_dir}', holdout: 0.25}}\nmethod: mae\n"
        "epochs: 2\nbatch_size: 16\nimg_size: 64\neval_every: 1\noptim: {warmup_epochs: 9}\n"
    )
    assert pretrain.main(["--config", str(config), *words[2:6], "--set", MICRO]) == 0
    assert Run(run_dir).info.summary["skipped_steps"] == 1
    judged = [row["loss"] for row in Run(run_dir).metrics() if row["split"] == "holdout" and row["step"] > 0]
    assert len(judged) > 1 and all(0 < loss < 2 for loss in judged)  # the mean of those that are numbers


def test_reading_what_became_of_a_step_one_step_later_changes_nothing(
    words, run_dir, straight, stop_after, monkeypatch
):
    """As on an accelerator, which is not waited for."""
    monkeypatch.setattr(
        Training, "reads_at_once", property(lambda self: False, lambda self, value: None), raising=False
    )
    words = [*words, "--set", "log_every=4"]
    stop_after(2)
    assert finetune.main(words) == 75
    assert Run(run_dir).info.summary == {} and Checkpoints(run_dir / "checkpoints").newest() == 3
    assert finetune.main([*words, "--resume"]) == 0
    assert losses_of(run_dir) == {step: straight[0][step] for step in (4, 6)} and last_state_of(run_dir) == straight[1]


def test_steps_in_a_row_are_counted_when_they_are_read_later(words, run_dir, spoiled, monkeypatch):
    monkeypatch.setattr(
        Training, "reads_at_once", property(lambda self: False, lambda self, value: None), raising=False
    )
    spoiled({0, 2, 3}, True)
    assert finetune.main([*words, "--set", "skip_limit=2", "--set", "log_every=9"]) == 3
    steps = [json.loads(line)["step"] for line in (run_dir / "skipped.jsonl").read_text().splitlines()]
    assert steps == [1, 3, 4]


def test_statistics_of_batch_norm_outlive_a_skipped_step():
    norm = torch.nn.BatchNorm1d(4)
    guard = GradientGuard(HERE, norm, limit=10)
    guard.begin()
    norm(torch.full((2, 4), torch.nan))
    found_inf = guard.check(0, torch.tensor(torch.nan), torch.tensor(1.0), Signals())
    assert found_inf.item() == 1 and norm.running_mean.equal(torch.zeros(4)) and norm.running_var.equal(torch.ones(4))
    assert guard.read().skipped and guard.read() is None


def test_giving_up_counts_steps_in_a_row():
    guard = GradientGuard(HERE, torch.nn.Linear(1, 1), limit=2)
    for step, loss in enumerate((torch.nan, 1.0, torch.inf)):
        guard.check(step, torch.tensor(loss), torch.tensor(1.0), Signals())
        guard.read()
        guard.stop_if_diverged()
    guard.check(3, torch.tensor(1.0), torch.tensor(torch.nan), Signals())
    assert guard.read().skipped
    with pytest.raises(GaveUp, match="2 steps in a row"):
        guard.stop_if_diverged()
