from pathlib import Path

import pytest

from training.config import ConfigError, FinetuneConfig, PretrainConfig, SegmentConfig, kind_of, load_config

SHIPPED = sorted((Path(__file__).parents[3] / "training" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configurations_load(path):
    kind = PretrainConfig if path.stem.endswith(("simclr", "mae", "unlabeled")) else FinetuneConfig
    kind = SegmentConfig if path.stem.endswith("severity") else kind
    assert kind_of(path) is kind and load_config(path, [], kind).epochs > 0


def test_a_configuration_of_the_other_program_is_recognized(tiny_config):
    pretraining = next(path for path in SHIPPED if path.stem == "leafsim_mae")
    with pytest.raises(ConfigError, match="unknown key method; that is a key of training.pretrain"):
        load_config(pretraining, [])
    with pytest.raises(ConfigError, match="unknown key .*; that is a key of training.finetune"):
        load_config(tiny_config, ["method=mae", "optim={}"], PretrainConfig)


def test_an_override_takes_effect(tiny_config):
    assert load_config(tiny_config, ["optim.lr=0.5", "epochs=1"]).optim.lr == 0.5


@pytest.mark.case("T16")
@pytest.mark.parametrize(
    "override, expected",
    [
        ("optim.lrr=0.1", "unknown key optim.lrr; did you mean lr?"),
        ("epoch=3", "unknown key epoch; did you mean epochs?"),
        ("optim.lr=fast", "optim.lr: Input should be a valid number, unable to parse string as a number, got 'fast'"),
        ("batch_size=12", "batch_size"),
        ("model.name=hvit_tin", "hvit_tiny"),
        ("optim.lr", "expected key=value"),
        ("data.shares=[70, 15, 15]", "they must sum to 1"),
        ("data.source_weights={a: 0}", "each must be above 0"),
        ("epochs.x=1", "epochs is not a section"),
    ],
)
def test_mistakes_are_named(tiny_config, override, expected):
    with pytest.raises(ConfigError, match=expected.replace("?", r"\?").replace(".", r"\.")):
        load_config(tiny_config, [override])


def test_phases_must_cover_all_of_training(tiny_config):
    with pytest.raises(ConfigError, match="last must end at 1.0"):
        load_config(tiny_config, ["phases=[{until: 0.5, img_size: 64}]"])


def test_a_missing_file_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="leaf33_tiny.yaml"):
        load_config(tmp_path / "leaf33_tny.yaml", [])


@pytest.mark.parametrize(
    "value",
    ["[", "*x", "2026-99-99", "%", "{a: [}", "!!timestamp x", "!!int ''", "!!bool x", "@", "\x01", "!!python/none ''"],
)
def test_a_value_that_is_not_yaml_is_one_line(tiny_config, value):
    with pytest.raises(ConfigError, match="^--set seed=.*: the value is not YAML: ") as refused:
        load_config(tiny_config, [f"seed={value}"])
    assert len(str(refused.value).splitlines()) == 1


def test_nesting_without_an_end_is_refused(tiny_config):
    with pytest.raises(ConfigError, match="more than 50 brackets") as refused:
        load_config(tiny_config, [f"seed={'[' * 20_000}"])
    assert len(str(refused.value)) < 300


def test_aliases_that_unfold_to_more_than_anyone_wrote_are_refused(tiny_config):
    laughs = "[&a0 [x], " + ", ".join(f"&a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)) + "]"
    with pytest.raises(ConfigError, match="more than 20 aliases"):
        load_config(tiny_config, [f"data.dirs={laughs}"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just words\n", "holds str 'just words'; expected keys"),
        (b"[1, 2]\n", "holds list"),
        (b"epochs: [\n", "is not YAML"),
        (b"epochs: \xff\n", "is not text in UTF-8"),
        (b"epochs: 2026-13-01\n", "is not YAML: month must be in 1..12"),
    ],
)
def test_a_file_that_holds_no_configuration_is_one_line(tmp_path, content, words):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=words) as refused:
        load_config(tmp_path / "c.yaml", [])
    assert len(str(refused.value).splitlines()) == 1
    assert kind_of(tmp_path / "c.yaml") is FinetuneConfig


@pytest.mark.parametrize("override", ["epochs=.inf", "optim.lr=.inf", "seed=99999999999999999999", "eval_every=.nan"])
def test_numbers_that_nothing_can_be_computed_with_are_refused(tiny_config, override):
    with pytest.raises(ConfigError, match=override.partition("=")[0]):
        load_config(tiny_config, [override])
