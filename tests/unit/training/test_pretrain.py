"""Pre-training from the command line to a run, on pictures drawn here."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hvit.data.datasets.reading import Sample
from hvit.runs import Run
from hvit.runs.checkpoint import CheckpointError, load_checkpoint
from tests.support.process_groups import run_group
from training import finetune, pretrain
from training.config import ConfigError, PretrainConfig, load_config
from training.engine.optim import adamw
from training.parallel.world import join_world

MICRO = "{name: hvit_tiny, embed_dims: [16, 32, 64, 128], depths: [1, 1, 1, 1], head_dim: 16}"
METHODS = ["simclr", "mae"]


@pytest.fixture(scope="module")
def config_file(color_photos, tmp_path_factory) -> Path:
    """A configuration that pre-trains on `color_photos` in seconds; the method is to be set."""
    path = tmp_path_factory.mktemp("configs") / "pre.yaml"
    path.write_text(
        f"data: {{dirs: ['{color_photos}'], cache_dir: '{path.parent / 'cache'}', holdout: 0.25}}\n"
        f"model: {MICRO}\noptim: {{warmup_epochs: 9, lr: 1.0e-3}}\n"
        "epochs: 4\nbatch_size: 16\nimg_size: 64\neval_every: 2\nlog_every: 1\nseed: 3\n"
    )
    return path


def _words(config_file, run_dir, *overrides) -> list[str]:
    changes = [word for override in overrides for word in ("--set", override)]
    return ["--config", str(config_file), "--run-dir", str(run_dir), "--device", "cpu", *changes]


def _pretrain(config_file, run_dir, *overrides, more=()) -> int:
    return pretrain.main([*_words(config_file, run_dir, *overrides), *more])


@pytest.fixture(scope="module", params=METHODS)
def pretrained(request, config_file, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / request.param
    assert _pretrain(config_file, run_dir, f"method={request.param}") == 0
    return run_dir


def _rows(run_dir, split) -> list[dict]:
    return [row for row in Run(run_dir).metrics() if row["split"] == split]


def test_a_complete_run_is_written(pretrained):
    run = Run(pretrained)
    assert run.status == "done" and run.info.kind == "pretrain" and run.damaged_files() == []
    looks = _rows(pretrained, "holdout")
    assert looks[0]["step"] == 0 and "loss" not in looks[0] and len(looks) >= 3
    summary = run.info.summary
    assert summary["knn_top1"] == looks[-1]["knn_top1"] and summary["random_knn_top1"] == looks[0]["knn_top1"]
    assert {"probe_top1", "random_probe_top1", "spread", "effective_rank", "loss"} <= summary.keys()
    assert run.model_card().classes == () and not run.can_predict


def test_fine_tuning_starts_from_it(pretrained, tiny_config, tmp_path):
    overrides = [f"init={pretrained}", f"model={MICRO[:-1]}, drop_path_rate: 0.0}}"]
    with join_world("cpu") as world:
        child = finetune.Finetuning(load_config(tiny_config, overrides), tmp_path / "child", None, world)
    theirs = load_checkpoint(pretrained, headless=True).model.state_dict()
    ours = child.model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert child.writer.info.parent == pretrained.name


def test_a_model_with_convolutions_is_pretrained_by_simclr_and_then_fine_tuned(config_file, tiny_config, tmp_path):
    model = "{name: hvit_tiny_conv, embed_dims: [24, 40, 32, 64], depths: [1, 1, 1, 1], head_dim: 16}"
    assert _pretrain(config_file, tmp_path / "pre", "method=simclr", f"model={model}", "epochs=1") == 0
    overrides = [f"init={tmp_path / 'pre'}", f"model={model}", "freeze_epochs=1", "epochs=2"]
    with join_world("cpu") as world:
        child = finetune.Finetuning(load_config(tiny_config, overrides), tmp_path / "child", None, world)
    child._freeze()
    assert {name for name, p in child.model.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    theirs, ours = load_checkpoint(tmp_path / "pre", headless=True).model.state_dict(), child.model.state_dict()
    assert "backbone.patch_embed.stem.weight" in theirs
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_it_cannot_be_asked_for_a_diagnosis(pretrained):
    with pytest.raises(CheckpointError, match=f"knows no classes.*--set init={pretrained.name}"):
        load_checkpoint(pretrained)


def test_photos_of_val_and_test_are_never_read_nor_listed(config_file, color_photos, tmp_path, monkeypatch):
    read = []
    true_read, true_sha256 = Sample.read, Sample.sha256
    monkeypatch.setattr(Sample, "read", lambda self: read.append(self.path) or true_read(self))
    monkeypatch.setattr(Sample, "sha256", lambda self: read.append(self.path) or true_sha256(self))
    changes = ["method=mae", f"data.cache_dir={tmp_path / 'cache'}", "epochs=0.5"]
    assert _pretrain(config_file, tmp_path / "run", *changes) == 0
    assert read and all(path.is_relative_to(color_photos / "train") for path in read)
    with open(tmp_path / "run" / "split.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["role"] for row in rows} == {"train", "holdout"}
    assert all(row["path"].startswith("colors/train/") for row in rows) and len(rows) == 48


def test_photos_held_out_are_not_learned_from(config_file, tmp_path):
    with join_world("cpu") as world:
        config = load_config(config_file, ["method=mae"], PretrainConfig)
        run = pretrain.Pretraining(config, tmp_path / "run", None, world)
    drawn = set(run.datasets.learns[run.sampler(np.arange(500))].tolist())
    assert drawn == set(run.datasets.learns.tolist()) and not drawn & set(run.datasets.held_out.tolist())
    assert 8 <= len(run.datasets.held_out) <= 16


def test_folders_without_labels_are_learned_from(config_file, color_photos, tmp_path):
    folder = tmp_path / "heap"
    folder.mkdir()
    for number, photo in enumerate(sorted((color_photos / "train").rglob("*.png"))[:20]):
        shutil.copy(photo, folder / f"{number}.png")
    changes = ["method=mae", "data.dirs=[]", f"data.unlabeled=['{folder}']", f"data.cache_dir={tmp_path / 'cache'}"]
    assert _pretrain(config_file, tmp_path / "run", *changes) == 0
    summary = Run(tmp_path / "run").info.summary
    assert "knn_top1" not in summary and summary["loss"] > 0
    assert Run(tmp_path / "run").plants_known is None


def test_a_pattern_is_read_off_the_names_of_photos_with_labels_alone(config_file, color_photos, tmp_path):
    folder = tmp_path / "heap"
    folder.mkdir()
    shutil.copy(next((color_photos / "test").rglob("*.png")), folder / "leaf.png")
    changes = ["method=mae", f"data.unlabeled=['{folder}']", f"data.cache_dir={tmp_path / 'cache'}"]
    with join_world("cpu") as world:
        config = load_config(config_file, [*changes, r"data.group_from='(\d+)\.png'"], PretrainConfig)
        run = pretrain.Pretraining(config, tmp_path / "run", None, world)
    held = {
        run.datasets.cache.samples[i].group or run.datasets.cache.samples[i].path.stem for i in run.datasets.held_out
    }
    learned = {run.datasets.cache.samples[i].path.stem for i in run.datasets.known}
    assert held and not held & learned  # whole groups are held out
    assert len(run.datasets.learns) == len(run.datasets.known) + 1


def test_a_stopped_run_resumes_exactly(config_file, tmp_path, monkeypatch, stop_after):
    assert _pretrain(config_file, tmp_path / "straight", "method=simclr", "epochs=5") == 0
    stop_after(4)
    words = _words(config_file, tmp_path / "stopped", "method=simclr", "epochs=5")
    assert pretrain.main(words) == 75 and Run(tmp_path / "stopped").status == "preempted"
    monkeypatch.undo()
    assert _pretrain(config_file, tmp_path / "stopped", "method=simclr", "epochs=5", more=["--resume"]) == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("straight", "stopped")]
    assert weights[0] == weights[1]
    logged = [
        [(row["step"], row["loss"]) for row in _rows(tmp_path / name, "train")] for name in ("straight", "stopped")
    ]
    assert logged[0] == logged[1]


def test_two_processes_have_the_losses_of_one(pretrained, config_file, tmp_path):
    words = _words(config_file, tmp_path / "two", f"method={pretrained.name}", "batch_size=8")
    assert run_group(pretrain.main, 2, words) == [0, 0]
    one, two = ({row["step"]: row["loss"] for row in _rows(run, "train")} for run in (pretrained, tmp_path / "two"))
    assert one.keys() == two.keys() and len(one) >= 8
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4


@pytest.mark.case("T14")
def test_a_collapse_ends_the_run_and_says_why(config_file, tmp_path, capsys):
    changes = ["method=simclr", "optim.lr=3.0", "optim.warmup_epochs=1", "epochs=40"]
    assert _pretrain(config_file, tmp_path / "run", *changes) == 3
    info = Run(tmp_path / "run").info
    assert info.status == "failed" and info.summary["reason"].startswith("collapse")
    assert info.summary["reason"] in capsys.readouterr().err
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("method", METHODS)
def test_the_plan_says_what_would_be_done_and_writes_nothing(config_file, tmp_path, capsys, method):
    assert _pretrain(config_file, tmp_path / "run", f"method={method}", more=["--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "about 36 train photos" in text and "Steps     about 9 of 16 photos at 64 px" in text
    assert method in text and "an estimate" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["method=simclr", "masked.mask_ratio=0.5"], "masked has nothing to say where method is simclr"),
        (["method=mae", "contrastive.temperature=0.5"], "contrastive has nothing to say where method is mae"),
        (["method=simclr", "accum_steps=2"], "set it to 1"),
        (["method=mae", "model={name: timm:resnet18}"], "cannot be pre-trained here"),
        (["method=mae", "model={name: hvit_tiny_conv}"], "mae needs a net that can leave masked parts out.*simclr"),
        (["method=mae", "data.dirs=[]"], "list data sets in dirs"),
        (["method=mae", "data.unlabelled=[photos]"], "did you mean unlabeled"),
        (["method=mae", "optim.ema_decay=0.9"], "unknown key optim.ema_decay"),
        (["method=byol"], "'simclr' or 'mae'"),
    ],
)
def test_what_makes_no_sense_is_refused(config_file, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        load_config(config_file, overrides, PretrainConfig)


def test_unset_options_of_the_method_get_defaults_that_can_be_read_again(config_file, tmp_path):
    config = load_config(config_file, ["method=mae"], PretrainConfig)
    assert config.masked.mask_ratio == 0.6 and config.contrastive is None
    saved = tmp_path / "saved.yaml"
    saved.write_text(json.dumps(config.model_dump(mode="json")))
    assert load_config(saved, [], PretrainConfig) == config


@pytest.fixture(scope="module")
def blobs(tmp_path_factory) -> Path:
    """32 square pictures to train on, of soft blobs of color, and the few that are held out."""
    folder = tmp_path_factory.mktemp("data") / "blobs" / "train" / "blob"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(36):
        coarse = rng.integers(0, 255, (2, 2, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number:02d}.png"), cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC))
    return folder.parents[1]


@pytest.mark.slow
@pytest.mark.case("T13")
@pytest.mark.parametrize("method", METHODS)
def test_a_micro_model_gets_to_a_third_of_the_loss_it_starts_with(config_file, blobs, tmp_path, method):
    """On 32 pictures, which it may learn by heart; whole views, so that only flips change them."""
    still = "{min_area: 1.0, whole: 1.0, max_margin: 0, stretch: 0, turn_probability: 0, color_probability: 0"
    still += ", quarter_turns: false, blur_probability: 0, noise_probability: 0}"
    overrides = [f"method={method}", f"augment={still}", f"data.dirs=['{blobs}']", "data.holdout=0.1"]
    overrides += ["masked.mask_ratio=0.25"] if method == "mae" else []  # one unit of four is to be painted
    config = load_config(config_file, overrides, PretrainConfig)
    with join_world("cpu") as world:
        run = pretrain.Pretraining(config, tmp_path / "run", None, world)
    photos, module = run.datasets.learns[:32], run.pretext.module.train()
    assert len(photos) == 32 and not run.datasets.can_evaluate  # one class tells nothing
    optimizer, losses = adamw(module, 1e-3, 0.0, 0.98), []
    for step in range(300):
        samples = np.arange(32) + 32 * step
        loss = run.pretext.loss(module, run.datasets.cache, photos, samples, (64, 64))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if losses[-1] < losses[0] / 3:
            break
    assert losses[-1] < losses[0] / 3, f"{losses[0]:.3f} to {losses[-1]:.3f} in {step + 1} steps"


@pytest.mark.case("T13")
def test_every_option_of_a_method_takes_effect(config_file, tmp_path):
    """The first loss, or the shape of what is trained, differs."""

    def first(*overrides):
        with join_world("cpu") as world:
            config = load_config(config_file, list(overrides), PretrainConfig)
            torch.manual_seed(0)
            run = pretrain.Pretraining(config, tmp_path / str(len(list(tmp_path.iterdir()))), None, world)
        run.learner.train()
        samples = np.arange(config.batch_size)
        photos = run.datasets.learns[run.sampler(samples)]
        loss = run.pretext.loss(run.learner, run.datasets.cache, photos, samples, (64, 64))
        return loss.item(), sum(parameter.numel() for parameter in run.learner.parameters())

    simclr, mae = first("method=simclr"), first("method=mae")
    assert simclr == first("method=simclr")
    for change in ("temperature=0.5", "decoupled=false", "hidden_dim=64", "projection_dim=16"):
        assert first("method=simclr", f"contrastive.{change}") != simclr, change
    for change in ("mask_ratio=0.8", "decoder_dim=64", "decoder_depth=1"):
        assert first("method=mae", f"masked.{change}") != mae, change
    assert first("method=simclr", "augment.grey_probability=1.0")[0] != simclr[0]
