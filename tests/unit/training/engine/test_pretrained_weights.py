"""Training that starts from pretrained weights: what is taken, what input it then expects, and what the run records."""

import json
from dataclasses import replace

import pytest
import torch

from hvit.data.preprocess import Preprocessing
from hvit.models.baselines import import_timm
from hvit.models.config import SIZES
from hvit.models.pretrained import PretrainedWeights, PretrainedWeightsError, load_pretrained, save_pretrained
from hvit.runs.checkpoint import load_checkpoint
from hvit.weights_origin import Origin
from training import finetune
from training.config import ConfigError, load_config
from training.engine import initial_weights as start
from training.parallel.world import join_world

NAME = "timm:test_efficientnet"
ORIGIN = Origin(NAME, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2), "a web page", "Apache 2.0", "ImageNet-1k", "0" * 64)
OVERRIDES = [f"model.name={NAME}", "model.drop_path_rate=0"]


def write_weights(path, architecture: str, **changes):
    torch.manual_seed(7)
    state = import_timm().create_model(architecture.removeprefix("timm:")).state_dict()
    save_pretrained(path, PretrainedWeights(state, replace(ORIGIN, architecture=architecture, **changes)))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights") / "w.safetensors", NAME)


def built(tiny_config, run_dir, overrides, resume=None):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(tiny_config, overrides), run_dir, resume, world)


def words(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


@pytest.fixture(scope="module")
def run_dir(tiny_config, weights, tmp_path_factory):
    """A baseline trained from pretrained weights."""
    run_dir = tmp_path_factory.mktemp("runs") / "started"
    overrides = words(*OVERRIDES, f"model.weights={weights}", "epochs=0.7")
    assert finetune.main(["--config", str(tiny_config), "--run-dir", str(run_dir), *overrides]) == 0
    return run_dir


def test_a_baseline_takes_all_but_the_head(tiny_config, weights, tmp_path):
    training = built(tiny_config, tmp_path / "run", [*OVERRIDES, f"model.weights={weights}"])
    fresh = built(tiny_config, tmp_path / "fresh", OVERRIDES)
    theirs = load_pretrained(weights).tensors
    for name, value in training.model.state_dict().items():
        own = fresh.model.state_dict()[name]
        expected = own if name.startswith("net.classifier") else theirs[name.removeprefix("net.")]
        assert torch.equal(value, expected), name
        assert torch.equal(training.ema.model.state_dict()[name], expected), name


def test_a_run_expects_the_pixels_its_weights_expect_and_records_where_they_came_from(run_dir):
    card = json.loads((run_dir / "model.json").read_text())
    assert card["pretrained"] == ORIGIN.to_dict()
    assert card["preprocessing"]["mean"] == [0.5, 0.4, 0.3] and card["preprocessing"]["std"] == [0.5, 0.25, 0.2]
    assert load_checkpoint(run_dir).preprocessing.mean == (0.5, 0.4, 0.3)


def test_a_child_follows_its_parent_in_both(tiny_config, run_dir, tmp_path):
    child = tmp_path / "child"
    overrides = words(*OVERRIDES, f"init={run_dir}", "epochs=0.4")
    assert finetune.main(["--config", str(tiny_config), "--run-dir", str(child), *overrides]) == 0
    card = json.loads((child / "model.json").read_text())
    assert card["pretrained"] == ORIGIN.to_dict() and card["preprocessing"]["mean"] == [0.5, 0.4, 0.3]


def test_a_run_from_random_weights_records_none_and_keeps_the_usual_pixels(tiny_config, tmp_path):
    training = built(tiny_config, tmp_path / "run", OVERRIDES)
    assert training.origin is None and training.preprocessing == Preprocessing(64)


def test_a_stopped_run_resumes_without_the_file_of_weights(tiny_config, tmp_path, stop_after):
    path, run_dir = write_weights(tmp_path / "w.safetensors", NAME), tmp_path / "run"
    command = ["--config", str(tiny_config), "--run-dir", str(run_dir)]
    command += words(*OVERRIDES, f"model.weights={path}", "epochs=2")
    stop_after(2)
    assert finetune.main(command) != 0
    path.unlink()
    assert finetune.main([*command, "--resume"]) == 0
    card = json.loads((run_dir / "model.json").read_text())
    assert card["pretrained"] == ORIGIN.to_dict() and card["preprocessing"]["mean"] == [0.5, 0.4, 0.3]


def test_the_front_of_a_conv_size_takes_the_weights_of_its_net(tiny_config, tmp_path):
    source = SIZES["hvit_tiny_conv"].front_config.source
    path = write_weights(tmp_path / "w.safetensors", source)
    config = load_config(tiny_config, ["model.name=hvit_tiny_conv", f"model.weights={path}"])
    model = start.new_model(config, start.model_arguments(config, 3))
    start.take_weights(model, start.weights_of(config))
    tensors = load_pretrained(path).tensors
    scale = tensors["bn1.weight"] / (tensors["bn1.running_var"] + 1e-3).sqrt()
    expected = tensors["conv_stem.weight"] * scale[:, None, None, None]
    torch.testing.assert_close(model.backbone.patch_embed.stem.weight.data, expected)


def test_the_word_timm_means_the_weights_of_its_hub(tiny_config, weights, monkeypatch):
    config = load_config(tiny_config, [*OVERRIDES, "model.weights=timm"])
    assert config.model.weights == "timm" and config.model_dump(mode="json")["model"]["weights"] == "timm"
    monkeypatch.setattr(start, "weights_from_hub", lambda architecture: (architecture, load_pretrained(weights)))
    assert start.weights_of(config)[0] == NAME


def test_a_config_with_a_file_is_written_with_its_path(tiny_config):
    config = load_config(tiny_config, [*OVERRIDES, "model.weights=weights/w.safetensors"])
    assert config.model_dump(mode="json")["model"]["weights"] == "weights/w.safetensors"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model.weights=w.pth"], "hvit_tiny has no part that starts .*hvit_tiny_conv, hvit_small_conv and models"),
        ([*OVERRIDES, "model.weights=w.pth", "init=some"], "init and model.weights both say"),
        (["model.name=hvit_tiny_conv", "model.weights=w.pth", "freeze_epochs=1"], "freeze_epochs keeps a backbone"),
    ],
)
def test_a_configuration_that_cannot_start_from_weights_is_refused(tiny_config, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        load_config(tiny_config, overrides)


def test_a_baseline_from_weights_may_train_its_head_first(tiny_config, weights, tmp_path):
    training = built(tiny_config, tmp_path / "run", [*OVERRIDES, f"model.weights={weights}", "freeze_epochs=1"])
    assert training.is_frozen


def test_pre_training_refuses_weights(tmp_path):
    from training.config import PretrainConfig

    path = tmp_path / "pretrain.yaml"
    path.write_text("data: {unlabeled: [photos]}\nmethod: simclr\nmodel: {name: hvit_tiny_conv, weights: w.pth}\n")
    with pytest.raises(ConfigError, match="pre-training starts from random weights"):
        load_config(path, [], PretrainConfig)


@pytest.mark.parametrize("dry", [False, True])
def test_weights_of_another_net_end_training_before_photos_are_read(tiny_config, tmp_path, capsys, dry):
    path = write_weights(tmp_path / "w.safetensors", "timm:test_resnet")
    command = ["--config", str(tiny_config), "--run-dir", str(tmp_path / "run"), *["--dry-run"] * dry]
    assert finetune.main([*command, *words(*OVERRIDES, f"model.weights={path}")]) == 2
    text = capsys.readouterr().err.splitlines()
    assert "model.weights: " in text[-1] and "holds weights of timm:test_resnet; expected those of timm:" in text[-1]
    assert not (tmp_path / "run").exists()


def test_weights_that_depend_on_the_size_of_pictures_name_the_size_to_set(tiny_config, tmp_path):
    path = write_weights(tmp_path / "w.safetensors", "timm:test_vit")
    with pytest.raises(PretrainedWeightsError, match="model.weights: pos_embed of the weights is .*eval_img_size"):
        built(tiny_config, tmp_path / "run", ["model.name=timm:test_vit", f"model.weights={path}"])


def test_the_plan_says_where_weights_come_from_and_downloads_nothing(tiny_config, weights, tmp_path, capsys):
    command = ["--config", str(tiny_config), "--run-dir", str(tmp_path / "run"), "--dry-run", "--device", "cpu"]
    assert finetune.main([*command, *words(*OVERRIDES, f"model.weights={weights}")]) == 0
    assert "from pretrained weights of test_efficientnet (ImageNet-1k), fp32" in capsys.readouterr().out
    assert finetune.main([*command, *words(*OVERRIDES, "model.weights=timm")]) == 0
    assert "from timm's pretrained weights of test_efficientnet, to be downloaded" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
