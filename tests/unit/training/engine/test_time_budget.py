"""Training by the clock: a fake clock tells the time, so that steps are known by hand."""

import json

import pytest

from hvit.runs import Run
from hvit.runs.layout import TIME_BUDGET
from training import finetune, pretrain
from training.engine import time_budget
from training.engine.time_budget import PARTS, Segment, TimeBudget
from training.parallel.world import ALONE

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"


@pytest.fixture
def seconds(monkeypatch):
    """A clock that stands until its first entry is changed."""
    text = [0.0]
    monkeypatch.setattr(time_budget, "now", lambda: text[0])
    return text


def _run_through(budget: TimeBudget, seconds, step_s, upkeep_s=lambda progress: 0.0, step: int = 0, stop=None) -> int:
    """Steps until the end of the budget, each taking what `step_s` says of its progress."""
    while budget.progress(step) < 1 and step != stop:
        if budget.is_due(step):
            budget.plan_segment(step, upkeep_s)
        record_step = step_s(budget.progress(step))
        seconds[0] += record_step
        budget.record_step(record_step, (64, 64))
        step += 1
    return step


def test_steps_of_one_speed_fill_the_budget(seconds):
    budget = TimeBudget(1000.0, [1.0], lambda progress: 1.0, ALONE)
    assert _run_through(budget, seconds, lambda progress: 2.0) == 500
    assert seconds[0] == 1000.0
    assert budget.segments[0] == Segment(0, 12, 0, 0)  # progress waits until the speed is known
    assert budget.segments[1] == Segment(12, 24, 0, 50_000)  # a twentieth of the 976 seconds left, 2 seconds a step


def test_phases_of_other_speeds_take_their_share_of_the_time(seconds):
    budget = TimeBudget(1000.0, [0.5, 1.0], lambda progress: 1.0 if progress < 0.5 else 4.0, ALONE)
    began = []

    def step_s(progress):
        if progress >= 0.5 and not began:
            began.append(seconds[0])
        return 1.0 if progress < 0.5 else 3.0  # another ratio than that of the areas

    _run_through(budget, seconds, step_s)
    assert seconds[0] == pytest.approx(1000, abs=3)
    assert began[0] == pytest.approx(12 + 988 / 2, abs=2)
    first = next(segment for segment in budget.segments if segment.begins == 500_000)
    assert first.num_steps == 12  # a guess of 4 seconds a step is not trusted for longer


def test_what_is_not_a_step_gets_its_time(seconds):
    budget = TimeBudget(1000.0, [1.0], lambda progress: 1.0, ALONE)
    assert _run_through(budget, seconds, lambda progress: 2.0, lambda progress: 100.0) == 450


def test_a_training_that_becomes_slow_still_ends_in_time(seconds):
    budget = TimeBudget(1000.0, [1.0], lambda progress: 1.0, ALONE)
    _run_through(budget, seconds, lambda progress: 1.0 if progress < 0.5 else 5.0)
    assert 1000 <= seconds[0] < 1250  # the twentieth in which it happened takes five times as long
    assert budget.segments[-1].ends == PARTS


def test_out_of_time_the_schedule_still_comes_to_its_end(seconds):
    budget = TimeBudget(100.0, [1.0], lambda progress: 1.0, ALONE)
    step = _run_through(budget, seconds, lambda progress: 1.0, stop=40)
    seconds[0] = 500.0
    end = _run_through(budget, seconds, lambda progress: 1.0, step=step)
    last = budget.segments[-1]
    assert last.num_steps == 6 and end == last.end_step and budget.progress(end) == 1.0


def test_the_first_step_of_a_shape_is_not_used_to_estimate_speed(seconds):
    budget = TimeBudget(1000.0, [1.0], lambda progress: 1.0, ALONE)
    budget.plan_segment(0, lambda progress: 0.0)
    for step in range(12):
        seconds[0] += (record_step := 60.0 if step < 4 else 1.0)
        budget.record_step(record_step, (64 + 32 * (step % 4), 64))
    budget.plan_segment(12, lambda progress: 0.0)
    assert budget.segments[1] == Segment(12, round((1000 - 248) / 20), 0, 50_000)


def test_a_resumed_budget_continues_with_the_time_left(seconds):
    budget = TimeBudget(1000.0, [1.0], lambda progress: 1.0, ALONE)
    step = _run_through(budget, seconds, lambda progress: 2.0, stop=250)
    state = json.loads(json.dumps(budget.state))
    seconds[0] += 5000  # while nothing ran
    again = TimeBudget(
        state["budget_s"], [1.0], lambda progress: 1.0, ALONE, time_budget.read_segments(state), state["used_s"],
        state["step_s"],
    )  # fmt: skip
    assert again.used_s == 500 and again.progress(250) == budget.progress(250)
    end = _run_through(again, seconds, lambda progress: 4.0, step=step)
    assert again.used_s == pytest.approx(1000, abs=30) and end == pytest.approx(250 + 125, abs=8)


def test_progress_is_a_function_of_the_recorded_segments(seconds):
    budget = TimeBudget(1000.0, [0.3, 1.0], lambda progress: 1.0, ALONE)
    seen = []
    while budget.progress(len(seen)) < 1:
        if budget.is_due(len(seen)):
            budget.plan_segment(len(seen), lambda progress: 0.0)
        seen.append(budget.progress(len(seen)))
        seconds[0] += 3
        budget.record_step(3.0, (64, 64))
    segments = time_budget.read_segments(json.loads(json.dumps(budget.state)))
    replayed = TimeBudget(0.0, [0.3, 1.0], lambda progress: 1.0, ALONE, segments, fixed=True)
    assert [replayed.progress(step) for step in range(len(seen))] == seen and not replayed.is_due(0)
    assert seen == sorted(seen) and replayed.progress(len(seen)) == 1.0


# Whole trainings.


@pytest.fixture
def quick(monkeypatch):
    """A clock that every look at it moves by a hundredth of a second."""
    text = [0.0]

    def now():
        text[0] += 0.01
        return text[0]

    monkeypatch.setattr(time_budget, "now", now)
    for module in ("trainer", "pacing"):
        monkeypatch.setattr(f"training.engine.{module}.now", now)
    for program in (finetune.Finetuning, pretrain.Pretraining):
        monkeypatch.setattr(program, "_upkeep_s", lambda self: (0.02, 0.1))


def _words(config, run_dir, *words) -> list[str]:
    changes = [MICRO, "log_every=1", "rejection_photos=100", "epochs=8", "eval_every=4", "optim.warmup_epochs=1"]
    changes += ["phases=[{until: 0.5, img_size: 64}, {until: 1.0, img_size: 96}]"]
    changed = [word for change in changes for word in ("--set", change)]
    return ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changed, *words]


def _rates(run_dir) -> list[float]:
    return [row["lr"] for row in Run(run_dir).metrics() if row["split"] == "train"]


def test_the_replay_of_a_run_with_a_time_budget_has_the_same_weights(tiny_config, tmp_path, quick, stop_after):
    run_dir = tmp_path / "clocked"
    assert finetune.main(_words(tiny_config, run_dir, "--minutes", "0.05")) == 0
    info, rates = Run(run_dir).info, _rates(run_dir)
    assert info.summary["steps"] == len(rates) > 40 and info.summary["minutes"] == 0.05
    assert max(rates) == pytest.approx(1e-3, rel=0.05) and rates[-1] < 2e-5  # 1e-5 is the lowest
    assert rates[0] < 5e-4 and rates[:12] == rates[:1] * 12
    validated = [row["step"] for row in Run(run_dir).metrics() if row["split"] == "val"]
    assert len(validated) == 2 and validated[-1] == len(rates)
    replay = tmp_path / "replay"
    assert finetune.main(_words(tiny_config, replay, "--replay", str(run_dir))) == 0
    assert (replay / "model.safetensors").read_bytes() == (run_dir / "model.safetensors").read_bytes()
    assert _rates(replay) == rates
    stop_after(30)
    stopped = tmp_path / "stopped"
    assert finetune.main(_words(tiny_config, stopped, "--replay", str(run_dir))) == 75
    assert finetune.main(_words(tiny_config, stopped, "--resume")) == 0
    assert (stopped / "model.safetensors").read_bytes() == (run_dir / "model.safetensors").read_bytes()


def test_a_stopped_run_with_a_time_budget_resumes_with_the_time_left(tiny_config, tmp_path, quick, stop_after):
    run_dir = tmp_path / "run"
    stop_after(30)
    assert finetune.main(_words(tiny_config, run_dir, "--minutes", "0.05")) == 75
    used_s = json.loads(next(run_dir.glob("checkpoints/step-*/state.json")).read_text())["extra"]["time_budget"]
    assert 0 < used_s["used_s"] < 3
    assert finetune.main(_words(tiny_config, run_dir, "--resume")) == 0
    summary = Run(run_dir).info.summary
    assert summary["minutes"] == 0.05 and 0.04 < summary["minutes_used"] < 0.065
    assert _rates(run_dir)[-1] < 2e-5
    assert json.loads((run_dir / TIME_BUDGET).read_text())["segments"][-1]["ends"] == PARTS


def test_a_run_by_epochs_can_resume_with_a_time_budget(tiny_config, tmp_path, quick, stop_after):
    run_dir = tmp_path / "run"
    stop_after(6)
    assert finetune.main(_words(tiny_config, run_dir)) == 75  # a quarter of its 24 steps
    assert finetune.main(_words(tiny_config, run_dir, "--resume", "--minutes", "0.03")) == 0
    segments = json.loads((run_dir / TIME_BUDGET).read_text())["segments"]
    assert segments[0] == {"first_step": 0, "num_steps": 24, "begins": 0, "ends": PARTS}
    assert segments[1]["begins"] == segments[1]["ends"] == 250_000 and segments[1]["first_step"] == 6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--minutes", "0"], "0 minutes; expected more than 0"),
        (["--minutes", "soon"], "'soon' is no number of minutes"),
        (["--minutes", "1", "--replay", "x"], "not allowed with"),
    ],
)
def test_a_budget_that_is_none_is_refused(tiny_config, tmp_path, capsys, words, expected):
    with pytest.raises(SystemExit) as left:
        finetune.main(_words(tiny_config, tmp_path / "run", *words))
    assert left.value.code == 2 and expected in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_budget_without_time_for_a_step_is_refused(tiny_config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finetune.Finetuning, "_upkeep_s", lambda self: (30.0, 60.0))
    assert finetune.main(_words(tiny_config, tmp_path / "run", "--minutes", "1")) == 2
    assert "--minutes 1 leaves no time for a step" in capsys.readouterr().err


@pytest.mark.parametrize(("validation_s", "is_reported"), [(1.0, False), (20.0, True)])
def test_validations_that_take_most_of_a_budget_are_reported(
    validation_s, is_reported, tiny_config, tmp_path, monkeypatch, capsys, stop_after
):
    monkeypatch.setattr(finetune.Finetuning, "_upkeep_s", lambda self: (validation_s, 0.0))
    stop_after(1)
    assert finetune.main(_words(tiny_config, tmp_path / "run", "--minutes", "1")) == 75
    printed = capsys.readouterr().err
    assert ("2 validations would take about 0.7 minutes, of 1.0 left" in printed) == is_reported
    assert ("a larger eval_every (now 4 epochs)" in printed) == is_reported


def test_a_replay_of_a_run_by_epochs_is_refused(tiny_config, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text("{}")
    assert finetune.main(_words(tiny_config, tmp_path / "run", "--replay", str(tmp_path / "other"))) == 2
    assert "run other was not trained by the clock" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_pretraining_takes_a_budget_too(tiny_config, tmp_path, quick):
    config, run_dir = tmp_path / "pretrain.yaml", tmp_path / "run"
    config.write_text(tiny_config.read_text().split("\n")[0].replace("cache_dir", "holdout: 0.25, cache_dir") + "\n")
    words = ["method=mae", MICRO, "optim={warmup_epochs: 9, min_lr: 0}", "epochs=10", "batch_size=16", "img_size=64"]
    words += ["log_every=1", "eval_every=5"]
    changed = [word for change in words for word in ("--set", change)]
    arguments = ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changed, "--minutes", "0.04"]
    assert pretrain.main(arguments) == 0
    rates = _rates(run_dir)
    assert Run(run_dir).info.summary["steps"] == len(rates) > 24 and rates[-1] < max(rates) / 3
