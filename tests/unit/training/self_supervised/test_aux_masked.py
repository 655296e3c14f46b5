"""The auxiliary masked loss beside the labels: what it changes, and what stays exact with it."""

import pytest
import torch

from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from tests.support.process_groups import run_group
from training import finetune
from training.config import ConfigError, load_config
from training.parallel.world import join_world

MICRO = (
    "model={name: hvit_tiny, embed_dims: [16, 32, 64, 128], depths: [1, 1, 1, 1], head_dim: 16, drop_path_rate: 0.0}"
)
AUX = [MICRO, "aux_mae_weight=0.5", "masked.decoder_dim=64", "masked.decoder_depth=1", "log_every=1"]


def _built(tiny_config, run_dir, overrides):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(tiny_config, overrides), run_dir, None, world)


def _words(tiny_config, run_dir, overrides) -> list[str]:
    changes = [word for override in overrides for word in ("--set", override)]
    return ["--config", str(tiny_config), "--run-dir", str(run_dir), *changes]


def _losses(run_dir) -> dict[int, float]:
    return {row["step"]: row["loss"] for row in Run(run_dir).metrics() if row["split"] == "train"}


def test_the_loss_adds_the_weighted_reconstruction_loss_to_that_of_the_labels(tiny_config, tmp_path):
    first = []
    for weight in (0.0, 0.5, 1.0):
        overrides = [MICRO, "epochs=0.3", "log_every=1", f"aux_mae_weight={weight}"]
        assert finetune.main(_words(tiny_config, tmp_path / str(weight), overrides)) == 0
        first.append(_losses(tmp_path / str(weight))[1])
    reconstruction = first[2] - first[0]
    assert 0.9 < reconstruction < 1.3  # of a decoder that has learned nothing
    assert first[1] - first[0] == pytest.approx(reconstruction / 2, rel=1e-4)


def test_reconstruction_changes_the_backbone_and_the_run_keeps_no_decoder(tiny_config, tmp_path):
    weights = []
    for name, overrides in (("plain", [MICRO]), ("joint", AUX)):
        run = _built(tiny_config, tmp_path / name, overrides)
        run._thaw()
        run.train_step()
        weights.append(run.model.state_dict()["backbone.patch_embed.conv1.weight"].clone())
    assert not torch.equal(*weights)
    assert finetune.main(_words(tiny_config, tmp_path / "run", [*AUX, "epochs=1"])) == 0
    assert not any("decoder" in name for name in load_checkpoint(tmp_path / "run").model.state_dict())


def test_a_frozen_backbone_has_no_reconstruction_loss(tiny_config, tmp_path):
    assert finetune.main(_words(tiny_config, tmp_path / "parent", [MICRO, "epochs=0.4"])) == 0
    frozen = [f"init={tmp_path / 'parent'}", "freeze_epochs=2", *AUX]
    run = _built(tiny_config, tmp_path / "run", frozen)
    came = {name: value.clone() for name, value in run.learner.state_dict().items()}
    run._freeze()
    run.train_step()
    changed = {name for name, value in run.learner.state_dict().items() if not torch.equal(value, came[name])}
    assert changed == {"model.head.weight", "model.head.bias"}


def test_two_processes_have_the_losses_of_one(tiny_config, tmp_path):
    overrides = [*AUX, "epochs=3"]
    assert finetune.main(_words(tiny_config, tmp_path / "alone", overrides)) == 0
    words = _words(tiny_config, tmp_path / "two", [*overrides, "batch_size=8"])
    assert run_group(finetune.main, 2, words) == [0, 0]
    one, two = _losses(tmp_path / "alone"), _losses(tmp_path / "two")
    assert one.keys() == two.keys() and len(one) >= 9
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["masked.mask_ratio=0.5"], "aux_mae_weight is 0"),
        (["aux_mae_weight=1", "model.name=timm:resnet18"], "needs an HViT"),
        (["aux_mae_weight=1", "model.name=hvit_tiny_conv"], "can leave masked parts out.*hvit_tiny_conv cannot"),
        (["aux_mae_weight=1", "masked.decoder_dim=40"], "multiple of 32"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_config, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        load_config(tiny_config, overrides)


def test_the_plan_counts_the_decoder(tiny_config, tmp_path, capsys):
    assert finetune.main([*_words(tiny_config, tmp_path / "run", AUX), "--dry-run"]) == 0
    assert "0.5 times that of painting 60 % of each picture" in capsys.readouterr().out
