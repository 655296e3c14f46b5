"""Starting from another run, and learning from fewer labels."""

import json

import pytest
import torch

from hvit.data.datasets.reading import read_samples
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from training import finetune
from training.config import ConfigError, load_config
from training.inputs.datasets import fewer
from training.parallel.world import join_world


@pytest.fixture(scope="module")
def parent(tiny_config, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "parent"
    assert finetune.main(["--config", str(tiny_config), "--run-dir", str(run_dir), "--set", "epochs=0.4"]) == 0
    return run_dir


def _built(tiny_config, run_dir, overrides, resume=None):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(tiny_config, overrides), run_dir, resume, world)


def test_init_takes_the_backbone_of_a_run_and_leaves_the_head_new(tiny_config, parent, tmp_path):
    child = _built(tiny_config, tmp_path / "child", [f"init={parent}"])
    fresh = _built(tiny_config, tmp_path / "fresh", [])
    theirs = load_checkpoint(parent).model.state_dict()
    for name, value in child.model.state_dict().items():
        expected = theirs[name] if name.startswith("backbone.") else fresh.model.state_dict()[name]
        assert torch.equal(value, expected), name
        assert torch.equal(child.ema.model.state_dict()[name], expected), name
    assert json.loads((tmp_path / "child" / "run.json").read_text())["parent"] == "parent"
    assert not torch.equal(theirs["backbone.norm.weight"], fresh.model.state_dict()["backbone.norm.weight"])


def test_init_resamples_positions_made_for_another_size(tiny_config, parent, tmp_path):
    child = _built(tiny_config, tmp_path / "child", [f"init={parent}", "eval_img_size=96"])
    theirs = load_checkpoint(parent).model.backbone
    assert child.model.backbone.image_embedding.shape[1:3] == (6, 6) != theirs.image_embedding.shape[1:3]
    for ours, expected in zip(child.model.backbone.position_embeddings(96, 96), theirs.position_embeddings(96, 96)):
        assert ours is expected is None or torch.equal(ours, expected)


def test_init_refuses_another_architecture_and_a_run_that_is_not_there(tiny_config, parent, tmp_path):
    with pytest.raises(ConfigError, match="set model.name to hvit_tiny"):
        _built(tiny_config, tmp_path / "a", [f"init={parent}", "model.name=hvit_small"])
    with pytest.raises(ValueError, match="no run nowhere"):
        _built(tiny_config, tmp_path / "b", ["init=nowhere"])


@pytest.mark.parametrize(("overrides", "known"), [([], False), (["data.group_from=([0-9]+)"], True)])
def test_a_new_run_says_whether_plants_are_known(tiny_config, tmp_path, overrides, known):
    _built(tiny_config, tmp_path / "run", overrides)
    assert Run(tmp_path / "run").plants_known is known


def test_fewer_labels_keep_every_class_and_smaller_shares_lie_in_larger_ones(color_photos):
    samples = read_samples([color_photos], "train")
    half, tenth, least = (fewer(samples, fraction, seed=3) for fraction in (0.5, 0.125, 0.001))
    assert [len(half), len(tenth), len(least)] == [24, 6, 3]
    assert {s.label for s in least} == {s.label for s in samples}
    assert {s.relative for s in tenth} < {s.relative for s in half}
    assert {s.relative for s in fewer(samples, 0.5, seed=4)} != {s.relative for s in half}


def test_train_fraction_takes_effect(tiny_config, tmp_path):
    run = _built(tiny_config, tmp_path / "run", ["data.train_fraction=0.5"])
    assert len(run.datasets.train) == 24
    assert len(run.datasets.val) == 24


HALF = ["model.embed_dims=[16,32,64,128]", "model.head_dim=16"]


def test_a_model_can_be_narrower_than_its_named_size_and_is_read_back_so(tiny_config, tmp_path):
    run_dir = tmp_path / "half"
    overrides = [word for override in (*HALF, "epochs=0.4") for word in ("--set", override)]
    assert finetune.main(["--config", str(tiny_config), "--run-dir", str(run_dir), *overrides]) == 0
    assert load_checkpoint(run_dir).model.config.embed_dims == (16, 32, 64, 128)


def test_a_shape_that_does_not_fit_together_or_belongs_to_no_hvit_is_refused(tiny_config):
    with pytest.raises(ConfigError, match="not all multiples of head_dim 32"):
        load_config(tiny_config, HALF[:1])
    with pytest.raises(ConfigError, match="head_dim shape an HViT, and timm:resnet18 is none"):
        load_config(tiny_config, ["model.name=timm:resnet18", "model.head_dim=16"])


def test_init_refuses_a_run_of_another_shape(tiny_config, parent, tmp_path):
    with pytest.raises(ConfigError, match="set both in `model`"):
        _built(tiny_config, tmp_path / "child", [f"init={parent}", *HALF])
