"""Weights divided among processes: what comes out is what one process learns, and its files are as safe."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.reading import read_samples
from hvit.data.preprocess import Preprocessing
from hvit.files import file_sha256
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from training import finetune
from training.config import ConfigError, PretrainConfig, load_config
from training.dry_run.memory import print_memory
from training.engine.checkpoints import Checkpoints
from training.engine.steps import predict
from training.parallel.world import World

ROOT = Path(__file__).parents[4]
MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"
CONV = (
    "model={name: hvit_tiny_conv, embed_dims: [24, 40, 32, 64], depths: [1, 1, 1, 1], head_dim: 16, "
    "grad_checkpointing: true}"
)
SHARDED = ("sharded=true", "batch_size=8")
CHECKPOINTED = MICRO.replace("}", ", grad_checkpointing: true}")


def _words(config: Path, run_dir: Path, *changes: str) -> list[str]:
    """Of a training of 6 steps of 32 photos, in two passes each."""
    common = ["epochs=4", "accum_steps=2", "log_every=1", "eval_every=1", "rejection_photos=100"]
    changed = [word for change in (*common, *changes) for word in ("--set", change)]
    return ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changed]


def _rows(run_dir: Path) -> list[dict]:
    return Run(run_dir).metrics()


@pytest.fixture(scope="module")
def alone(tiny_config, tmp_path_factory) -> Path:
    """A run of one process."""
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    assert finetune.main(_words(tiny_config, run_dir, MICRO)) == 0
    return run_dir


@pytest.fixture(scope="module")
def two(tiny_config, tmp_path_factory) -> Path:
    """The same of two, with half of each weight, that saved after every step."""
    run_dir = tmp_path_factory.mktemp("runs") / "two"
    _train_sharded(_words(tiny_config, run_dir, CHECKPOINTED, *SHARDED, "checkpoint_minutes=1.0e-6"))
    return run_dir


def _train_sharded(words: list[str]) -> None:
    """Trains on two processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [*launcher, "-m", "training.finetune", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.mark.case("T19")
def test_two_processes_with_sharded_weights_have_the_losses_of_one(alone, two):
    one, other = _rows(alone), _rows(two)
    assert [row["split"] for row in one] == [row["split"] for row in other] and len(one) == 6 + 3
    for row, same in zip(one, other):
        for name in {"loss", "grad_norm", "top1", "macro_f1", "nll"} & row.keys():
            assert same[name] == pytest.approx(row[name], abs=1e-5), (row["step"], name)


@pytest.mark.slow
@pytest.mark.case("T19")
def test_a_sharded_model_with_convolutions_has_the_losses_of_one_process(tiny_config, tmp_path):
    short = ["epochs=1", "eval_every=1", CONV]
    assert finetune.main(_words(tiny_config, tmp_path / "alone", *short)) == 0
    _train_sharded(_words(tiny_config, tmp_path / "two", *short, *SHARDED))
    one, other = (_rows(tmp_path / name) for name in ("alone", "two"))
    assert [row["split"] for row in one] == [row["split"] for row in other] and len(one) >= 2
    for row, same in zip(one, other):
        for name in {"loss", "grad_norm", "top1", "nll"} & row.keys():
            assert same[name] == pytest.approx(row[name], abs=1e-4), (row["step"], name)


@pytest.mark.case("T19")
def test_a_sharded_training_exports_one_file_with_the_logits_of_one_process(alone, two):
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    logits = [load_checkpoint(run).model(images).detach() for run in (alone, two)]
    torch.testing.assert_close(*logits, atol=2e-3, rtol=0)  # of weights that were rounded to float16
    ours, theirs = (Run(run).info.summary for run in (alone, two))
    assert ours.keys() == theirs.keys() and ours["best_step"] == theirs["best_step"]


@pytest.mark.case("T19")
def test_one_process_resumes_the_sharded_checkpoint_of_two(tiny_config, two, tmp_path):
    run_dir = shutil.copytree(two, tmp_path / "run")
    shutil.rmtree(run_dir / "checkpoints" / "step-00000006")
    assert finetune.main([*_words(tiny_config, run_dir, MICRO), "--resume"]) == 0
    before, after = ({row["step"]: row for row in _rows(run) if row["split"] == "train"} for run in (two, run_dir))
    assert after[6]["loss"] == pytest.approx(before[6]["loss"], abs=1e-6)
    assert after[6]["grad_norm"] == pytest.approx(before[6]["grad_norm"], abs=1e-5)
    assert (run_dir / "checkpoints" / "step-00000006" / "tensors.safetensors").exists()


@pytest.mark.case("C3")
@pytest.mark.parametrize("damage", ["flip", "lose", "add", "forge"])
def test_a_sharded_checkpoint_with_a_damaged_part_is_skipped(two, tmp_path, capsys, damage):
    states = Checkpoints(shutil.copytree(two / "checkpoints", tmp_path / "checkpoints"))
    folder = states.folder / "step-00000006"
    first, second = sorted((folder / "shards").iterdir())
    if damage == "flip":
        data = bytearray(second.read_bytes())
        data[len(data) // 2] ^= 1
        second.write_bytes(data)
    elif damage == "lose":
        second.unlink()
    elif damage == "add":
        shutil.copyfile(first, folder / "shards" / "more.safetensors")
    else:  # by someone who wrote a manifest that fits
        second.write_bytes(pickle.dumps({"model": 1}))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][f"shards/{second.name}"] = file_sha256(second)
        (folder / "manifest.json").write_text(json.dumps(manifest))
    assert states.newest() == 5
    assert "passed over step-00000006: " in capsys.readouterr().err


class _Apart(World):
    """One of several processes whose parts are not added up."""

    def max(self, number: int) -> int:
        return 2

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        return value


@pytest.mark.case("T18")
def test_processes_predict_every_photo_once_and_the_same(color_photos, tmp_path):
    cache = open_cache(read_samples([color_photos], "val"), 64, tmp_path)
    chosen = np.random.default_rng(0).permutation(len(cache))[:19]
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 2))

    def predicted(rank: int, size: int) -> np.ndarray:
        world = _Apart(rank, size, torch.device("cpu"))
        return predict(model, cache, chosen, Preprocessing(64), world, batch_size=4)

    whole = predicted(0, 1)
    for size in (2, 4, 9):  # nine have more processes than batches
        parts = np.stack([predicted(rank, size) for rank in range(size)])
        assert ((parts != 0).all(-1).sum(0) == 1).all() and np.array_equal(parts.sum(0), whole)


def test_the_plan_divides_what_is_sharded_and_says_where_it_is_not(tiny_config, capsys):
    config = load_config(tiny_config, ["sharded=true"])
    print_memory(2**20, 0, "4 pictures", config, 4)
    assert "5 for 1/4 of weights, gradients, moments and average" in capsys.readouterr().out
    print_memory(2**20, 0, "4 pictures", config, 1)
    text = capsys.readouterr().out
    assert "20 for weights" in text and "one has it all" in text


@pytest.mark.case("T16")
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model.name=timm:resnet18"], "divides the blocks of an HViT"),
        (["freeze_epochs=1", "init=run", "aux_mae_weight=1"], "leave one out"),
        (["compile=true"], "were not made to go together"),
    ],
)
def test_what_cannot_be_sharded_is_refused(tiny_config, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        load_config(tiny_config, ["sharded=true", *overrides])


def test_the_large_net_is_sharded_in_its_configuration():
    config = load_config(ROOT / "training" / "configs" / "leaf33_large_4gpu.yaml", [])
    assert config.sharded and config.model.name == "hvit_large" and config.model.grad_checkpointing
    assert "sharded" in PretrainConfig.model_fields
