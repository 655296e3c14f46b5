"""Each option of fine-tuning takes effect, resumes exactly, and is refused where it makes no sense."""

import csv
import json
from pathlib import Path

import pytest
import torch

from hvit.diagnosis import diagnose
from hvit.runs.checkpoint import load_checkpoint
from tests.support.micro_trainings import MICRO
from tests.support.process_groups import run_group
from training import finetune
from training.config import ConfigError, load_config
from training.parallel.world import join_world

FREEZE = ["epochs=4", "freeze_epochs=2", "eval_every=100", "log_every=1"]


def _train(tiny_config, run_dir, overrides, *words) -> Path:
    changes = [word for override in overrides for word in ("--set", override)]
    assert finetune.main(["--config", str(tiny_config), "--run-dir", str(run_dir), *changes, *words]) in (0, 75)
    return run_dir


@pytest.fixture(scope="module")
def parent(tiny_config, tmp_path_factory):
    return _train(tiny_config, tmp_path_factory.mktemp("runs") / "parent", ["epochs=0.4"])


@pytest.fixture(scope="module")
def micro_parent(tiny_config, tmp_path_factory):
    """The like of a micro model, for whole trainings."""
    return _train(tiny_config, tmp_path_factory.mktemp("runs") / "micro", [MICRO, "epochs=0.4"])


@pytest.fixture(scope="module")
def baseline(tiny_config, tmp_path_factory):
    overrides = ["model.name=timm:test_resnet", "epochs=2", "optim.layer_decay=0.8"]
    return _train(tiny_config, tmp_path_factory.mktemp("runs") / "resnet", overrides)


@pytest.fixture(scope="module")
def uneven(color_photos) -> str:
    """An override: 16, 8 and 2 training photos a class."""
    file, counts = color_photos.parent / "uneven.csv", iter((16, 8, 2))
    with open(file, "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "label", "split"])
        for folder in sorted((color_photos / "train").iterdir()):
            for path in sorted(folder.iterdir())[: next(counts)]:
                rows.writerow([path.relative_to(color_photos.parent), folder.name, "train"])
        for path in sorted((color_photos / "val").rglob("*.png")):
            rows.writerow([path.relative_to(color_photos.parent), path.parent.name, "val"])
    return f"data.dirs=['{file}']"


def _built(tiny_config, run_dir, overrides):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(tiny_config, overrides), run_dir, None, world)


def _after_steps(run, steps: int) -> dict[str, torch.Tensor]:
    run._freeze() if run.is_frozen else run._thaw()
    for _ in range(steps):
        run.train_step()
    return {name: value.clone() for name, value in run.model.state_dict().items()}


@pytest.mark.case("T13")
@pytest.mark.parametrize(
    "options",
    [
        ["loss.name=focal"],
        ["loss.name=balanced_softmax"],
        ["loss.class_weights=0.5"],
        ["data.balance=1.0"],
        ["optim.layer_decay=0.5"],
    ],
    ids=lambda options: options[0],
)
def test_an_option_changes_the_weights(tiny_config, uneven, tmp_path, options):
    plain = _after_steps(_built(tiny_config, tmp_path / "plain", [uneven]), 1)
    changed = _after_steps(_built(tiny_config, tmp_path / "changed", [uneven, *options]), 1)
    assert not torch.equal(plain["backbone.patch_embed.conv1.weight"], changed["backbone.patch_embed.conv1.weight"])


def test_balanced_softmax_gets_the_sampling_frequency_of_each_class(tiny_config, uneven, tmp_path):
    run = _built(tiny_config, tmp_path / "run", [uneven, "loss.name=balanced_softmax"])
    torch.testing.assert_close(run.loss.shift.exp(), torch.tensor([16 / 26, 8 / 26, 2 / 26]))


def test_layer_decay_lowers_the_rate_of_early_layers(tiny_config, tmp_path):
    run = _built(tiny_config, tmp_path / "run", ["optim.layer_decay=0.5", "optim.warmup_epochs=0"])
    _after_steps(run, 1)
    rates = [group["lr"] for group in run.optimizer.param_groups]
    assert max(rates) == 1e-3 and min(rates) == pytest.approx(1e-3 / 2**14)


@pytest.mark.case("T17")
def test_a_frozen_backbone_stays_as_it_came_until_it_thaws(tiny_config, parent, tmp_path):
    run = _built(tiny_config, tmp_path / "run", [f"init={parent}", *FREEZE])
    came = load_checkpoint(parent).model.state_dict()
    assert run.schedule.freeze_steps == 6
    after = _after_steps(run, 6)
    assert all(torch.equal(after[name], came[name]) for name in came if name.startswith("backbone."))
    assert not torch.equal(after["head.weight"], came["head.weight"])
    assert not run.is_frozen
    run.train_step()
    now = run.model.state_dict()
    assert not any(torch.equal(now[name], came[name]) for name in came if name.endswith("qkv.weight"))


def test_batch_norm_statistics_stay_while_frozen(tiny_config, baseline, tmp_path):
    run = _built(tiny_config, tmp_path / "run", [f"init={baseline}", "model.name=timm:test_resnet", *FREEZE])
    came = load_checkpoint(baseline).model.state_dict()
    after = _after_steps(run, 2)
    changed = {name for name in came if not torch.equal(after[name], came[name])}
    assert changed == {"net.fc.weight", "net.fc.bias"}


@pytest.mark.case("T15")
def test_a_run_stopped_while_frozen_resumes_exactly(tiny_config, micro_parent, tmp_path, monkeypatch, stop_after):
    options = [
        MICRO,
        f"init={micro_parent}",
        *FREEZE,
        "optim.layer_decay=0.7",
        "loss.name=focal",
        "early_stopping.metric=nll",
    ]
    options += ["early_stopping.patience=9"]
    straight = _train(tiny_config, tmp_path / "straight", options)
    for steps in (4, 5):  # once while frozen, once after
        stop_after(steps)
        _train(tiny_config, tmp_path / "stopped", options, *(["--resume"] if steps == 5 else []))
        assert json.loads((tmp_path / "stopped" / "run.json").read_text())["status"] == "preempted"
        monkeypatch.undo()
    _train(tiny_config, tmp_path / "stopped", options, "--resume")
    weights = [(run / "model.safetensors").read_bytes() for run in (straight, tmp_path / "stopped")]
    assert weights[0] == weights[1]


def test_training_ends_where_the_metric_does_not_improve(tiny_config, tmp_path):
    options = ["optim.lr=1.0e-12", "optim.min_lr=0", "eval_every=0.34", "early_stopping.metric=top1"]
    run_dir = _train(tiny_config, tmp_path / "run", [*options, "early_stopping.patience=2"])
    info = json.loads((run_dir / "run.json").read_text())
    assert info["status"] == "done" and info["summary"]["stopped_at_step"] == 3  # one to compare with, two that wait
    assert info["summary"]["best_step"] == 1


@pytest.mark.case("T18")
def test_processes_agree_on_the_frozen_part_and_on_when_to_stop(tiny_config, micro_parent, uneven, tmp_path):
    """Losses of every step on two processes are those on one, through freezing, thawing and the early end."""
    options = [MICRO, uneven, f"init={micro_parent}", "freeze_epochs=3", "epochs=30", "log_every=1", "loss.name=focal"]
    options += ["loss.class_weights=0.5", "optim.layer_decay=0.7", "model.drop_path_rate=0.2", "eval_every=3"]
    options += ["early_stopping.metric=top1", "early_stopping.patience=1"]
    alone = _train(tiny_config, tmp_path / "alone", options)
    words = ["--config", tiny_config, "--run-dir", tmp_path / "two", "--set", "batch_size=8"]
    words += [word for option in options for word in ("--set", option)]
    assert run_group(finetune.main, 2, [str(word) for word in words]) == [0, 0]
    summaries = [json.loads((run / "run.json").read_text())["summary"] for run in (alone, tmp_path / "two")]
    assert summaries[0]["stopped_at_step"] == summaries[1]["stopped_at_step"]
    one, two = (_losses(run) for run in (alone, tmp_path / "two"))
    assert one.keys() == two.keys() and len(one) > 6
    assert max(abs(one[step] - two[step]) for step in list(one)[:15]) < 1e-5


def _losses(run_dir: Path) -> dict[int, float]:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["loss"] for row in rows if row["split"] == "train"}


def test_a_baseline_is_a_run_like_others(baseline, color_photos):
    info = json.loads((baseline / "run.json").read_text())
    assert info["status"] == "done" and info["kind"] == "baseline"
    checkpoint = load_checkpoint(baseline)
    photo = next((color_photos / "test").rglob("*.png"))
    diagnosis = diagnose(checkpoint, photo.read_bytes(), overlay=True)
    assert diagnosis.heatmap is None and diagnosis.ood_score is not None
    assert diagnosis.label in checkpoint.classes and abs(sum(diagnosis.probabilities.values()) - 1) < 1e-9


@pytest.mark.case("T16")
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.balance=0.5", "loss.class_weights=0.5"], "data.balance and loss.class_weights each even out"),
        (["data.balance=0.5", "loss.name=balanced_softmax"], "data.balance and loss.name balanced_softmax each"),
        (["loss.gamma=1"], "gamma belongs to the focal loss"),
        (["loss.name=focl"], "'cross_entropy', 'focal' or 'balanced_softmax', got 'focl'"),
        (["loss.gama=1"], "unknown key loss.gama; did you mean gamma?"),
        (["early_stopping.metric=val_f1_macro", "early_stopping.patience=3"], "got 'val_f1_macro'"),
        (["early_stopping.metric=top1", "early_stopping.patiens=3"], "did you mean patience?"),
        (["phases=[{until: 1.0, imgsize: 64}]"], "did you mean img_size?"),
        (["freeze_epochs=2"], "name the run it comes from: init"),
        (["freeze_epochs=9", "init=x"], "more than all 4.0 epochs"),
        (["model.name=timm:resnet5O"], "did you mean timm:resnet50?"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_in_one_line(tiny_config, overrides, expected):
    with pytest.raises(ConfigError) as refused:
        load_config(tiny_config, overrides)
    assert expected in str(refused.value) and "\n" not in str(refused.value)


def test_a_saved_configuration_can_be_read_again(tiny_config, tmp_path):
    import yaml

    config = load_config(tiny_config, ["loss.name=focal", "early_stopping={metric: nll, patience: 2}"])
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert load_config(saved, []) == config
    assert config.loss.gamma == 2.0
