"""Learning from a teacher: its answers by hand, exact resume, and what is refused."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hvit.data.preprocess import Preprocessing
from hvit.runs.checkpoint import load_checkpoint
from tests.support.process_groups import run_group
from training import finetune
from training.config import ConfigError, DistillConfig, load_config
from training.distillation.teacher import (
    FeatureStudent,
    SoftTargets,
    Teacher,
    distillation_loss,
    feature_loss,
    soft_target_loss,
)
from training.parallel.world import join_world

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"
SHORT = ["epochs=2", "log_every=1", "eval_every=1", "rejection_photos=100"]


def _words(config, run_dir, overrides, *words) -> list[str]:
    changes = [word for override in overrides for word in ("--set", override)]
    return ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changes, *words]


def _train(config, run_dir, overrides, *words) -> Path:
    assert finetune.main(_words(config, run_dir, overrides, *words)) in (0, 75)
    return run_dir


def _built(config, run_dir, overrides):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(config, overrides), run_dir, None, world)


@pytest.fixture(scope="module")
def teacher(tiny_config, tmp_path_factory):
    overrides = ["model.name=timm:test_efficientnet", "model.drop_path_rate=0", "epochs=1"]
    return _train(tiny_config, tmp_path_factory.mktemp("runs") / "teacher", overrides)


@pytest.fixture(scope="module")
def second(tiny_config, tmp_path_factory):
    return _train(tiny_config, tmp_path_factory.mktemp("runs") / "second", [MICRO, "epochs=0.4"])


# The losses, by hand.


def test_soft_targets_cost_nothing_where_the_student_answers_as_the_teacher_does():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert soft_target_loss(logits, (logits / 3).softmax(-1), 3.0).item() == pytest.approx(0, abs=1e-6)


def test_soft_targets_are_the_divergence_times_the_square_of_the_temperature():
    # Teacher 3/4, 1/4; student 1/2, 1/2: 0.75 log 1.5 + 0.25 log 0.5 = 0.130812, times 2 * 2.
    value = soft_target_loss(torch.zeros(1, 2), torch.tensor([[0.75, 0.25]]), 2.0)
    assert value.item() == pytest.approx(4 * 0.130812, abs=1e-5)


def test_the_weight_divides_the_loss_between_labels_and_teacher():
    answers = SoftTargets(torch.tensor([[0.75, 0.25]]))
    config = DistillConfig(teacher="x", weight=0.25, temperature=1.0)
    value = distillation_loss(torch.tensor(2.0), torch.zeros(1, 2), answers, config, None)
    assert value.item() == pytest.approx(0.75 * 2 + 0.25 * 0.130812, abs=1e-5)


def test_features_cost_1_less_the_cosine_of_what_stands_out_in_them():
    # The teacher's features less their mean: (-1, 0, 1); the guess has cosine 1 / sqrt(2) with them.
    value = feature_loss(torch.tensor([[0.0, 0.0, 5.0]]), torch.tensor([[101.0, 102.0, 103.0]]))
    assert value.item() == pytest.approx(1 - 0.5**0.5, abs=1e-4)


def test_features_of_several_teachers_count_alike():
    answers = SoftTargets(torch.full((1, 2), 0.5), (torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 0.0, -1.0]])))
    config = DistillConfig(teacher="x", weight=0.0, features=3.0)
    guesses = [torch.tensor([[2.0, -2.0]]), torch.tensor([[0.0, 1.0, 0.0]])]  # cosines 1 and 0
    value = distillation_loss(torch.tensor(0.0), torch.zeros(1, 2), answers, config, guesses)
    assert value.item() == pytest.approx(3 * 0.5, abs=1e-5)


# The teacher.


class _Brightness(nn.Module):
    """Logits are the means of the three channels."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return images.mean((2, 3)) * self.scale

    def forward_embedding(self, images):
        return self(images), torch.cat([self(images), self(images)], 1)


def _checkpoint(classes, mean=0.0, std=1 / 255):
    return SimpleNamespace(
        model=_Brightness(), name="t", sha256="0", classes=classes, device=torch.device("cpu"),
        preprocessing=Preprocessing(64, (mean,) * 3, (std,) * 3),
    )  # fmt: skip


VIEWS = torch.tensor([4.0, 2.0, 0.0])[None, :, None, None].expand(1, 3, 64, 64)
ASKED = VIEWS, np.arange(1), 0.0


def test_classes_of_a_teacher_are_matched_by_name():
    teacher = Teacher([_checkpoint(("c", "a", "b"))], ["a", "b", "c"], DistillConfig(teacher="x", temperature=1.0))
    torch.testing.assert_close(teacher(*ASKED).probs, torch.tensor([[2.0, 0.0, 4.0]]).softmax(-1))


def test_each_teacher_normalizes_for_itself_and_probabilities_are_averaged():
    checkpoints = [_checkpoint(("a", "b", "c")), _checkpoint(("a", "b", "c"), mean=1 / 255, std=2 / 255)]
    teacher = Teacher(checkpoints, ["a", "b", "c"], DistillConfig(teacher=["x", "y"], temperature=2.0))
    first, second = torch.tensor([[2.0, 1.0, 0.0]]).softmax(-1), torch.tensor([[0.75, 0.25, -0.25]]).softmax(-1)
    torch.testing.assert_close(teacher(*ASKED).probs, (first + second) / 2)


def test_features_are_computed_only_where_they_are_learned():
    config = DistillConfig(teacher="x")
    assert Teacher([_checkpoint(("a", "b", "c"))], ["a", "b", "c"], config)(*ASKED).embeddings == ()
    learning = Teacher([_checkpoint(("a", "b", "c"))], ["a", "b", "c"], config.model_copy(update={"features": 1.0}))
    assert [tuple(embedding.shape) for embedding in learning(*ASKED).embeddings] == [(1, 6)]
    assert learning.embedding_dims(64) == [6]


@pytest.mark.parametrize("name", ["timm:test_efficientnet", "timm:test_vit", "hvit_tiny", "hvit_tiny_conv"])
def test_logits_beside_the_pooled_features_are_those_of_the_model(name):
    from hvit.models import create_model

    model = create_model(name, num_classes=5, img_size=64).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, embedding = model.forward_embedding(images)
        torch.testing.assert_close(logits, model(images))
        torch.testing.assert_close(model.get_classifier()(embedding), logits)


def test_the_student_sees_the_picture_its_teacher_sees(tiny_config, teacher, tmp_path, monkeypatch):
    run = _built(tiny_config, tmp_path / "run", [MICRO, f"distill.teacher={teacher}"])
    seen, shown = [], []
    run.model.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0].clone()))
    true_call = Teacher.__call__

    def call(self, views, *which):
        seen.append(views.clone())
        return true_call(self, views, *which)

    monkeypatch.setattr(Teacher, "__call__", call)
    run._thaw()
    run.train_step()
    torch.testing.assert_close(run.preprocessing.normalize(seen[0]), shown[0], rtol=0, atol=0)


# Trainings.


def _last_state(run_dir: Path) -> bytes:
    return (max(run_dir.glob("checkpoints/step-*")) / "tensors.safetensors").read_bytes()


@pytest.mark.parametrize("features", [0.0, 0.5])
def test_a_stopped_run_with_teachers_resumes_bit_for_bit(
    tiny_config, teacher, second, tmp_path, stop_after, monkeypatch, features
):
    options = [MICRO, *SHORT, f"distill={{teacher: ['{teacher}', '{second}'], features: {features}}}", "accum_steps=2"]
    options += ["batch_size=8", "optim.layer_decay=0.8"]
    straight = _train(tiny_config, tmp_path / "straight", options)
    stop_after(3)
    stopped = _train(tiny_config, tmp_path / "stopped", options)
    assert json.loads((stopped / "run.json").read_text())["status"] == "preempted"
    monkeypatch.undo()
    _train(tiny_config, stopped, options, "--resume")
    assert _last_state(stopped) == _last_state(straight)
    assert (stopped / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()
    assert not any("projection" in name for name in load_checkpoint(straight).model.state_dict())


def test_a_run_resumes_only_with_the_teacher_it_began_with(
    tiny_config, teacher, second, tmp_path, stop_after, monkeypatch, capsys
):
    shutil.copytree(teacher, tmp_path / "a" / "teacher")
    shutil.copytree(second, tmp_path / "b" / "teacher")  # other weights by the same name
    options = [MICRO, *SHORT]
    stop_after(3)
    _train(tiny_config, tmp_path / "run", [*options, f"distill.teacher={tmp_path / 'a' / 'teacher'}"])
    monkeypatch.undo()
    words = [*options, f"distill.teacher={tmp_path / 'b' / 'teacher'}"]
    assert finetune.main(_words(tiny_config, tmp_path / "run", words, "--resume")) == 2
    assert "the teacher is not the one this run began with" in capsys.readouterr().err


def test_a_teacher_changes_what_is_learned_and_not_what_training_begins_with(tiny_config, teacher, tmp_path):
    plain = _built(tiny_config, tmp_path / "plain", [MICRO])
    taught = _built(tiny_config, tmp_path / "taught", [MICRO, f"distill={{teacher: '{teacher}', features: 1}}"])
    own, theirs = plain.model.state_dict(), taught.model.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert isinstance(taught.learner, FeatureStudent) and taught.learner.projections[0].out_features > 0
    before = taught.learner.projections[0].weight.clone()
    for run in (plain, taught):
        run._thaw()
        run.train_step()
    assert not torch.equal(plain.model.head.weight, taught.model.head.weight)
    assert not torch.equal(taught.learner.projections[0].weight, before)


def test_the_feature_projection_is_not_trained_while_the_backbone_is_frozen(tiny_config, teacher, second, tmp_path):
    options = [MICRO, f"init={second}", "freeze_epochs=1", f"distill={{teacher: '{teacher}', features: 1}}"]
    run = _built(tiny_config, tmp_path / "run", options)
    before = run.learner.projections[0].weight.clone()
    run._freeze()
    run.train_step()
    assert torch.equal(run.learner.projections[0].weight, before)


def test_two_processes_with_a_teacher_have_the_losses_of_one(tiny_config, second, tmp_path):
    options = [MICRO, *SHORT, f"distill={{teacher: '{second}', features: 0.5}}"]
    alone = _train(tiny_config, tmp_path / "alone", options)
    words = _words(tiny_config, tmp_path / "two", [*options, "batch_size=8"])
    assert run_group(finetune.main, 2, words) == [0, 0]
    one, two = (_losses(run) for run in (alone, tmp_path / "two"))
    assert len(one) == 6 and max(abs(one[step] - two[step]) for step in one) < 1e-5


def _losses(run_dir: Path) -> dict[int, float]:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["loss"] for row in rows if row["split"] == "train"}


# What is refused, before photos are read.


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["distill={teacher: x, weight: 1.5}"], "distill.weight: Input should be less than or equal to 1"),
        (["distill={teacher: x, temperature: 0}"], "distill.temperature: Input should be greater than 0"),
        (["distill={teacher: x, weight: 0}"], "weight and features are both 0"),
        (["distill={teacher: []}"], "teacher names no run"),
        (["distill={teacher: x, weigth: 1}"], "did you mean weight?"),
        (["distill.teacher=x", "aux_mae_weight=1"], "distill and aux_mae_weight do not go together"),
        (["distill.teacher=x", "sharded=true"], "distill and sharded"),
        (["init_head=true"], "name the run: init"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_in_one_line(tiny_config, overrides, expected):
    with pytest.raises(ConfigError) as refused:
        load_config(tiny_config, overrides)
    assert expected in str(refused.value) and "\n" not in str(refused.value)


@pytest.fixture
def other_classes(tmp_path, color_photos) -> str:
    """An override: the same photos less one class."""
    folder = tmp_path / "two-classes"
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
        for name in ("Tomato___Late_blight", "Tomato___healthy"):
            (folder / split / name).symlink_to(color_photos / split / name)
    return f"data.dirs=['{folder}']"


def test_a_teacher_that_cannot_teach_is_refused_before_photos_are_read(
    tiny_config, teacher, tmp_path, capsys, monkeypatch, other_classes
):
    monkeypatch.setattr(finetune, "build_datasets", None)  # which reads them
    without_weights, pretrained = tmp_path / "bare", tmp_path / "pretrained"
    for run in (without_weights, pretrained):
        run.mkdir()
        (run / "run.json").write_bytes((teacher / "run.json").read_bytes())
    card = json.loads((teacher / "model.json").read_text())
    (without_weights / "model.json").write_text(json.dumps(card))
    (pretrained / "model.json").write_text(json.dumps(card | {"classes": []}))
    for overrides, expected in (
        (["distill.teacher=nowhere"], "no run nowhere"),
        ([f"distill.teacher={without_weights}"], "run bare has no model.safetensors"),
        ([f"distill.teacher={pretrained}"], "run pretrained was pre-trained without labels"),
        ([f"distill.teacher={teacher}", other_classes], "only one of the two has Potato___Early_blight"),
        (
            [f"init={teacher}", "model.name=timm:test_efficientnet", "model.drop_path_rate=0", "init_head=true"]
            + [other_classes],
            "init_head: run teacher knows 3 classes and the photos show 2; only one of the two has Potato___Early_bl",
        ),
    ):
        assert finetune.main(_words(tiny_config, tmp_path / "run", overrides)) == 2
        error = capsys.readouterr().err
        assert expected in error and len(error.strip().splitlines()) == 2  # the first says that photos are read next
    assert not (tmp_path / "run").exists()


def test_a_head_is_taken_over_where_classes_are_the_same(tiny_config, second, tmp_path):
    run = _built(tiny_config, tmp_path / "run", [MICRO, f"init={second}", "init_head=true"])
    theirs = load_checkpoint(second).model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in run.model.state_dict().items())


def test_a_plan_names_the_teacher(tiny_config, teacher, tmp_path, capsys):
    words = _words(tiny_config, tmp_path / "run", [MICRO, f"distill={{teacher: '{teacher}', features: 0.5}}"])
    assert finetune.main([*words, "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert (
        "Teacher   teacher, " in text and "temperature 2 count 0.7, the labels 0.3, and its pooled features 0.5" in text
    )
