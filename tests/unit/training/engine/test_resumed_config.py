"""What may differ where a run goes on, how a run ends that learned nothing, and folders that are files."""

import json

import pytest
import torch
import yaml

from hvit.runs import Run
from training import finetune, pretrain, quick, sheet
from training.config import FinetuneConfig, load_config
from training.engine.resumed_config import check_resumed_config, flat
from training.inputs.datasets import listed_classes

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def words(tiny_config, run_dir):
    changes = [MICRO, "epochs=2", "log_every=1", "eval_every=1", "rejection_photos=100"]
    changed = [word for change in changes for word in ("--set", change)]
    return ["--config", str(tiny_config), "--run-dir", str(run_dir), "--device", "cpu", *changed]


@pytest.fixture
def stopped(words, stop_after):
    """The words of a training that was stopped after two steps."""
    stop_after(2)
    assert finetune.main(words) == 75
    return words


def resumed(words, *changes):
    return finetune.main([*words, "--resume", *(word for change in changes for word in ("--set", change))])


def test_every_key_that_differs_is_named_with_both_values(stopped, run_dir, capsys):
    before = (run_dir / "config.yaml").read_bytes(), (run_dir / "metrics.jsonl").read_bytes()
    assert resumed(stopped, "seed=77", "optim.lr=0.5", "augment.hue=0.01") == 2
    text = capsys.readouterr().err.splitlines()[-1]
    for printed in (
        "augment.hue was 0.02 and is now 0.01",
        "optim.lr was 0.001 and is now 0.5",
        "seed was 3 and is now 77",
    ):
        assert printed in text
    assert ((run_dir / "config.yaml").read_bytes(), (run_dir / "metrics.jsonl").read_bytes()) == before


@pytest.mark.parametrize(
    "change",
    ["model.drop_path_rate=0", "phases=[{until: 1.0, img_size: 96}]", "select_by=top1", "precision=bf16",
     "early_stopping={metric: top1, patience: 3}", "data.balance=0.5", "eval_every=2", "data.licences={colors: CC0}"],
)  # fmt: skip
def test_what_a_weight_or_a_result_depends_on_may_not_change(stopped, change, capsys):
    assert resumed(stopped, change) == 2
    assert "began with another configuration" in capsys.readouterr().err


def test_housekeeping_may_change(stopped, run_dir, tmp_path):
    changes = ["checkpoint_minutes=9", "hang_minutes=20", "log_every=2", "skip_limit=5", f"data.cache_dir={tmp_path}"]
    assert resumed(stopped, *changes) == 0
    assert Run(run_dir).config["checkpoint_minutes"] == 9


def test_epochs_may_not_change_before_a_run_is_done(stopped, capsys):
    assert resumed(stopped, "epochs=4") == 2
    assert "epochs was 2.0 and is now 4.0 (epochs can grow once a run is done)" in capsys.readouterr().err


def test_a_finished_run_resumes_for_more_epochs_and_not_for_fewer(words, run_dir):
    assert finetune.main(words) == 0
    assert resumed(words, "epochs=1") == 2
    assert Run(run_dir).status == "done"
    assert resumed(words, "epochs=3") == 0
    assert max(row["step"] for row in Run(run_dir).metrics()) == 9 and Run(run_dir).config["epochs"] == 3


def test_a_key_that_the_run_did_not_know_counts_with_its_default(stopped, run_dir):
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    del config["skip_limit"], config["data"]["train_fraction"], config["loss"]
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config))
    assert resumed(stopped) == 0


@pytest.mark.parametrize("content", [None, "epochs: [\n", "epochs: nought\n"])
def test_a_configuration_that_cannot_be_compared_is_named(stopped, run_dir, content, capsys):
    (run_dir / "config.yaml").unlink()
    if content:
        (run_dir / "config.yaml").write_text(content)
    assert resumed(stopped) == 2
    assert "config.yaml" in capsys.readouterr().err.splitlines()[-1]


def test_a_parent_may_be_named_by_path_or_by_name(tmp_path, tiny_config):
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(load_config(tiny_config, ["init=runs/a"]).model_dump(mode="json"))
    )
    check_resumed_config(Run(tmp_path), load_config(tiny_config, ["init=a"]))
    with pytest.raises(ValueError, match="init was runs/a and is now runs/b"):
        check_resumed_config(Run(tmp_path), load_config(tiny_config, ["init=runs/b"]))


def test_sections_are_laid_flat():
    assert flat({"a": 1, "b": {"c": {"d": [1]}, "e": {}}}) == {"a": 1, "b.c.d": [1], "b.e": {}}


@pytest.mark.parametrize("wrong", ["garbage\n", '{"epoch": 3}\n', "[1, 2]\n"])
def test_a_damaged_line_of_metrics_is_dropped_with_a_warning_and_the_run_resumes(stopped, run_dir, wrong, capsys):
    metrics = run_dir / "metrics.jsonl"
    metrics.write_text(wrong + metrics.read_text() + wrong + '{"step": 9, "ep')
    (run_dir / "skipped.jsonl").write_text(wrong)
    assert resumed(stopped) == 0
    text = capsys.readouterr().err
    assert "2 damaged lines of metrics.jsonl are dropped" in text and "1 damaged lines of skipped.jsonl" in text
    assert [row["step"] for row in Run(run_dir).metrics() if row["split"] == "train"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("spoiled", "status"), [({0, 2, 4, 5}, 3), ({0, 2, 4}, 0)])
def test_a_training_whose_steps_were_mostly_skipped_is_not_done(words, run_dir, monkeypatch, spoiled, status):
    true_step = finetune.train_step
    monkeypatch.setattr(
        finetune, "train_step", lambda step, *rest: true_step(step, *rest) * (torch.nan if step in spoiled else 1)
    )
    assert finetune.main(words) == status
    info = Run(run_dir).info
    assert info.status == ("done" if status == 0 else "failed")
    if status:
        assert "4 of 6 steps were skipped" in info.summary["reason"]
        assert not (run_dir / "model.safetensors").exists()


@pytest.mark.parametrize("inside", ["", "deeper/run"])
@pytest.mark.parametrize("program", [finetune, pretrain])
def test_a_run_folder_that_is_a_file_is_one_line(words, run_dir, inside, program, capsys):
    run_dir.write_text("a file")
    words[3] = str(run_dir / inside)
    if program is pretrain:
        words = [*words[:6], "--set", "method=simclr", "--set", "optim={warmup_epochs: 1}"]
        config = run_dir.with_suffix(".yaml")
        config.write_text("data: {dirs: ['leafsim:v1/1/0-99']}\nmethod: simclr\n")
        words[1] = str(config)
    assert program.main(words) == 2
    text = capsys.readouterr().err.splitlines()
    assert len(text) == 1 and f"{run_dir} is a file" in text[0] and run_dir.read_text() == "a file"


def test_a_cache_that_is_a_file_is_one_line(words, tmp_path, capsys):
    (tmp_path / "cache").write_text("a file")
    assert finetune.main([*words, "--set", f"data.cache_dir={tmp_path / 'cache'}"]) == 2
    assert f"data.cache_dir {tmp_path / 'cache'}: {tmp_path / 'cache'} is a file" in capsys.readouterr().err


def test_a_run_folder_with_a_name_that_is_too_long_is_one_line(words, capsys):
    words[3] = "x" * 3000
    assert finetune.main(words) == 2
    assert "File name too long" in capsys.readouterr().err.splitlines()[-1]


def test_other_programs_say_it_in_one_line_too(tmp_path, tiny_config, capsys, photo_folder):
    (tmp_path / "sheet.png").mkdir()
    assert sheet.main(["--config", str(tiny_config), "--out", str(tmp_path / "sheet.png"), "--classes", "1"]) == 2
    assert "sheet.png: Is a directory" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert quick.main([str(photo_folder), "--run-dir", str(tmp_path / "file" / "run"), "--run", "none"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_one_class_is_refused_before_anything_is_written(words, run_dir, tmp_path, color_photos, capsys):
    for split in ("train", "val"):
        (tmp_path / "one" / split).mkdir(parents=True)
        (tmp_path / "one" / split / "Rust").symlink_to(color_photos / split / "Tomato___healthy")
    for more in ([], ["--dry-run"]):
        assert finetune.main([*words, "--set", f"data.dirs=['{tmp_path / 'one'}']", *more]) == 2
        assert "Rust is the only class; expected a folder for each of two or more" in capsys.readouterr().err
    assert not run_dir.exists()


def test_classes_are_listed_without_a_word(tiny_config, color_photos, capsys):
    (color_photos.parent / "noted").mkdir()
    for split in ("train", "val"):
        (color_photos.parent / "noted" / split).symlink_to(color_photos / split)
    (color_photos.parent / "noted" / "notes.txt").write_text("x")
    config = load_config(tiny_config, [f"data.dirs=['{color_photos.parent / 'noted'}']"], FinetuneConfig)
    assert len(listed_classes(config)) > 1
    assert capsys.readouterr().err == ""


def test_a_training_says_what_it_skipped_once(words, color_photos, capsys, tmp_path):
    data = tmp_path / "data" / "mine"
    for split in ("train", "val"):
        (data / split).mkdir(parents=True)
        for folder in (color_photos / split).iterdir():
            (data / split / folder.name).symlink_to(folder)
    (data / "more").mkdir()
    (data / "more" / "a.jpg").write_bytes(b"x")
    assert finetune.main([*words, "--set", f"data.dirs=['{data}']"]) == 0
    text = [line for line in capsys.readouterr().err.splitlines() if "passed over" in line]
    assert len(text) == 1 and "more (1 photos)" in text[0]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"
