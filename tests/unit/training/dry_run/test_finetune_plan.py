"""--dry-run: what it prints is what training does, and nothing is left behind."""

import shutil
from pathlib import Path

import pytest
import torch

from training import finetune
from training.config import load_config
from training.dry_run.memory import activation_bytes
from training.engine.initial_weights import model_arguments, new_model
from training.engine.schedule import Schedule
from training.parallel.world import World


def _plan(tiny_config, capsys, *overrides) -> str:
    changes = [word for override in overrides for word in ("--set", override)]
    words = ["--config", str(tiny_config), "--dry-run", "--device", "cpu", *changes]
    assert finetune.main([*words, "--run-dir", str(tiny_config.parent / "planned")]) == 0
    return capsys.readouterr().out


def test_the_plan_says_what_training_then_does_and_writes_nothing(tiny_config, capsys, tmp_path):
    before = {path for path in tiny_config.parent.rglob("*")}
    text = _plan(tiny_config, capsys, "loss.class_weights=0.5", "early_stopping={metric: nll, patience: 4}")
    assert {path for path in tiny_config.parent.rglob("*")} == before
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "colors 48 24 12" in lines
    assert "Tomato___healthy 16 33.3 33.3" in lines
    assert "hvit_tiny, 4," in text and "random weights" in text
    assert any(line.startswith("Steps 12 of 16 pictures (batch_size 16, accum_steps 1, processes 1)") for line in lines)
    assert "ends early after 4 validations without a better nll" in text
    assert "0 to 12: 64 px, 50 % of the pictures mixed" in lines
    schedule = Schedule.of(load_config(tiny_config, []), 48, 1)
    for step in (0, 2, 6, 11):
        assert f"{step} {schedule.lr(step):.2e}" in lines
    assert "an estimate" in text


def test_the_plan_counts_draws_layers_and_fewer_labels(tiny_config, capsys):
    text = _plan(tiny_config, capsys, "optim.layer_decay=0.5", "data.train_fraction=0.5")
    assert "Steps     6 of 16 pictures" in text
    top = Schedule.of(load_config(tiny_config, []), 24, 1).lr(0)
    assert f"{top:.2e}" in text and f"{top / 2**14:.2e}" in text


def test_photos_without_splits_are_counted_without_being_decoded(tiny_config, color_photos, tmp_path, capsys):
    for folder in (color_photos / "train").iterdir():
        shutil.copytree(folder, tmp_path / "whole" / folder.name)
    text = _plan(tiny_config, capsys, f"data.dirs=['{tmp_path / 'whole'}']")
    assert "whole 48" in " ".join(text.split()) and "by near-duplicates" in text
    assert "Steps     about 9 of 16 pictures" in text  # 0.7 of 48 photos in 4 epochs
    text = _plan(tiny_config, capsys, f"data.dirs=['{tmp_path / 'whole'}']", r"data.group_from='(\d+)\.png'")
    assert "to divide" not in text


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.dirs=[nowhere]"], "nowhere: no such folder"),
        (["init=nowhere"], "init: no run nowhere"),
        (["init=nowhere"], "(from random weights: --set init=null)"),
        (
            ["model.name=hvit_tiny_conv", "model.weights=gone.safetensors"],
            "gone.safetensors; docs/training.md says",
        ),
        (["model.name=timm:gmlp_ti16_224", "model.drop_path_rate=0"], "does not compute at"),
    ],
)
def test_the_plan_refuses_what_training_would(tiny_config, capsys, overrides, expected):
    changes = [word for override in overrides for word in ("--set", override)]
    assert finetune.main(["--config", str(tiny_config), "--dry-run", *changes]) == 2
    text = capsys.readouterr().err
    assert expected in text and text.count("\n") == 1


def test_a_plan_for_a_folder_that_is_taken_fails_as_training_would(tiny_config, tiny_run, capsys):
    words = ["--config", str(tiny_config), "--dry-run", "--device", "cpu", "--run-dir", str(tiny_run)]
    assert finetune.main(words) == 2
    assert "holds a run already (done); choose another --run-dir" in capsys.readouterr().err


def test_the_example_of_another_net_does_not_keep_the_weights_of_the_first():
    [line] = [line for line in finetune.__doc__.splitlines() if "model.name=" in line]
    words = line.split()
    config = load_config(Path(words[words.index("--config") + 1]), [words[words.index("--set") + 1]])
    assert config.model.name == "timm:resnet50" and config.model.weights is None


def test_memory_grows_with_the_batch_and_shrinks_with_the_precision(tiny_config):
    def kept(*overrides):
        config = load_config(tiny_config, list(overrides))
        model = new_model(config, model_arguments(config, 3))
        run = lambda count: model(torch.zeros(count, 3, 64, 64))  # noqa: E731
        return activation_bytes(model, run, config.batch_size, config.precision, torch.device("cpu"))

    one, two, four = (kept(f"batch_size={8 * n}") for n in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one))
    # The input of every linear layer of the first block alone: 16 x 16 tokens of 32 channels, four bytes each.
    assert one > 8 * 16 * 16 * 32 * 4
    half = [kept("precision=bf16", f"batch_size={n}") for n in (8, 16)]
    assert half[1] - half[0] < two - one  # of eight pictures; the weights in half precision are kept beside


@pytest.mark.parametrize("name", ["leaf33_small_1gpu", "leaf33_small_4gpu"])
def test_one_gpu_and_four_take_the_same_steps(name):
    config = load_config(Path(__file__).parents[4] / "training" / "configs" / f"{name}.yaml", [])
    processes = World(0, int(name[-4]), torch.device("cpu")).size
    assert Schedule.of(config, 10_000, processes).images_per_step == 256
