"""Answers of a teacher that are stored for repeated views: which views, the same answers, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training import finetune
from training.config import ConfigError, load_config
from training.distillation import stored_outputs as stored_answers
from training.distillation.repeated_views import RepeatedViews
from training.distillation.stored_outputs import OutputFile
from training.inputs.augment import BLOCK
from training.parallel.world import join_world

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"
SHORT = ["epochs=4", "log_every=1", "eval_every=2", "rejection_photos=100", "batch_size=8", "square=1"]


def _train(config, run_dir, overrides, *words) -> int:
    changes = [word for override in overrides for word in ("--set", override)]
    return finetune.main(["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changes, *words])


def _built(config, run_dir, overrides):
    with join_world("cpu") as world:
        return finetune.Finetuning(load_config(config, overrides), run_dir, None, world)


@pytest.fixture(scope="module")
def teacher(tiny_config, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "teacher"
    overrides = ["model.name=timm:test_efficientnet", "model.drop_path_rate=0", "epochs=1"]
    assert _train(tiny_config, run_dir, overrides) == 0
    return run_dir


# Which views.


def _views(num_photos=200, num_views=3, images=16, square=0.5) -> RepeatedViews:
    return RepeatedViews(num_photos, num_views, images, seed=1, square=square)


def _steps_of_epochs(views: RepeatedViews, count: int) -> list[list[np.ndarray]]:
    """View samples of each step, by the epoch they belong to."""
    epochs, step = [], 0
    while len(epochs) <= count:
        samples = views.samples(np.arange(16) + 16 * step)
        view = samples[0] // BLOCK // views.blocks_per_view
        if not epochs or view != epochs[-1][0]:
            epochs.append((view, []))
        epochs[-1][1].append(samples)
        step += 1
    return [steps for _, steps in epochs[:count]]


def test_an_epoch_shows_the_blocks_of_one_view_once_in_another_order_each_time():
    epochs = _steps_of_epochs(_views(square=1.0), 6)
    for epoch, steps in enumerate(epochs):
        seen = np.concatenate(steps)
        assert len(set(seen)) == len(seen) == 192  # 25 blocks, of which 24 fill steps of two
        assert set(seen // 200) == {epoch % 3}
    assert set(np.concatenate(epochs[0]) % 200) - set(np.concatenate(epochs[3]) % 200)  # others are left out
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[3]))


def test_blocks_stay_whole_and_a_step_has_blocks_of_one_aspect():
    views = _views()
    for step in range(60):
        samples = views.samples(np.arange(16) + 16 * step).reshape(-1, BLOCK)
        assert (samples == samples[:, :1] + np.arange(BLOCK)).all() and (samples[:, 0] % BLOCK == 0).all()
        assert len(set(views.aspects[samples[:, 0] // BLOCK])) == 1
        height, width = views.sides(step, 128)
        aspect = views.aspects[samples[0, 0] // BLOCK]
        assert (height, width) == (128, 128) if aspect == 1 else (width > height) == (aspect > 1)


def test_processes_share_the_samples_of_a_step():
    views = _views(images=32)
    whole = views.samples(np.arange(32) + 5 * 32)
    parts = [views.samples(np.arange(8) + 5 * 32 + 8 * part) for part in range(4)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_views_too_few_for_a_step_are_refused():
    with pytest.raises(ConfigError, match="16 photos do not fill a step of 64 pictures"):
        _views(num_photos=16, images=64)


# The same answers.


@pytest.fixture
def eager(monkeypatch):
    """Answers are computed by torch: the graphs of many shapes take a while to export."""

    class EagerSession:
        def __init__(self, checkpoint, num_threads):
            self._checkpoint = checkpoint

        @torch.no_grad()
        def __call__(self, pixels):
            images = self._checkpoint.preprocessing.normalize(torch.from_numpy(pixels))
            return tuple(output.numpy() for output in self._checkpoint.model.forward_embedding(images))

    monkeypatch.setattr(stored_answers, "OnnxSession", EagerSession)


def test_stored_outputs_by_onnx_runtime_are_those_of_the_teacher(tiny_config, teacher, tmp_path):
    _compare(tiny_config, teacher, tmp_path, "augment.mix_probability=1.0", features=1)


def test_outputs_are_stored_for_every_image_size(tiny_config, teacher, tmp_path, eager):
    phases = "phases=[{until: 0.5, img_size: 64}, {until: 1.0, img_size: 96, mix_probability: 1.0}]"
    _compare(tiny_config, teacher, tmp_path, phases, features=1)
    assert len(list((tmp_path / "cache").glob("answers-*.bin"))) == 2


def test_stored_outputs_are_those_of_the_teacher_at_every_aspect(tiny_config, teacher, tmp_path, eager):
    _compare(tiny_config, teacher, tmp_path, "square=0.3", features=0)


def _compare(tiny_config, teacher, tmp_path, change, features) -> None:
    options = [MICRO, *SHORT, change, f"data.cache_dir={tmp_path / 'cache'}"]
    options += [f"distill={{teacher: '{teacher}', views: 2, features: {features}}}"]
    run = _built(tiny_config, tmp_path / "run", options)
    direct = run.teacher
    run._begin()
    shown = []

    def compare(views, samples, progress):
        answers, expected = stored(views, samples, progress), direct(views, samples, progress)
        torch.testing.assert_close(answers.probs, expected.probs, rtol=0, atol=1e-4)
        assert len(answers.embeddings) == len(expected.embeddings) == features
        for ours, theirs in zip(answers.embeddings, expected.embeddings):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
        shown.append(samples)
        return answers

    stored, run.teacher = run.teacher, compare
    while not run.at_end:
        run.train_step()
    assert len(shown) == 24 and len(np.unique(np.concatenate(shown))) <= run.repeated.num_samples == 96


def test_a_run_with_stored_outputs_resumes_bit_for_bit(tiny_config, teacher, tmp_path, eager, stop_after, monkeypatch):
    options = [MICRO, *SHORT, f"distill={{teacher: '{teacher}', views: 2}}", f"data.cache_dir={tmp_path / 'cache'}"]
    assert _train(tiny_config, tmp_path / "straight", options) == 0
    stop_after(9)
    assert _train(tiny_config, tmp_path / "stopped", options) == 75
    assert _train(tiny_config, tmp_path / "stopped", options, "--resume") == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("straight", "stopped")]
    assert weights[0] == weights[1]


def test_storing_outputs_resumes_where_it_was_interrupted(tiny_config, teacher, tmp_path, eager, monkeypatch):
    cache = tmp_path / "cache"
    options = [MICRO, *SHORT, f"distill={{teacher: '{teacher}', views: 4}}", f"data.cache_dir={cache}"]
    true_call, calls = stored_answers.OnnxSession.__call__, []

    def call(self, pixels):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(len(pixels))
        return true_call(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(stored_answers.OnnxSession, "__call__", call)
        assert _train(tiny_config, tmp_path / "run", options) == 130
    assert list(cache.glob("*.partial")) and not list(cache.glob("*.bin"))
    done = []
    monkeypatch.setattr(
        stored_answers.OnnxSession, "__call__", lambda self, pixels: done.append(1) or true_call(self, pixels)
    )
    monkeypatch.setattr(OutputFile, "write", _counting(OutputFile.write, written := []))
    run = _built(tiny_config, tmp_path / "again", options)
    run._begin()
    assert sum(written) == run.repeated.num_samples // BLOCK - 8  # the first eight blocks were there
    assert not list(cache.glob("*.partial"))
    done.clear()
    _built(tiny_config, tmp_path / "third", options)._begin()
    assert not done  # all is there


def _counting(write, written: list):
    def counted(self, blocks, *answers):
        written.append(len(blocks))
        write(self, blocks, *answers)

    return counted


# What is refused.


def test_other_weights_photos_or_views_have_other_files(tiny_config, teacher, tmp_path, eager):
    cache = tmp_path / "cache"
    base = [MICRO, *SHORT, f"data.cache_dir={cache}", f"distill={{teacher: '{teacher}', views: 1}}"]
    for number, change in enumerate(
        ([], ["seed=4"], ["augment.hue=0.01"], ["data.train_fraction=0.8"], ["augment.noise=0.1"])
    ):
        _built(tiny_config, tmp_path / str(number), [*base, *change])._begin()
    assert len(list(cache.glob("answers-*.bin"))) == 5
    _built(tiny_config, tmp_path / "same", [*base, "optim.lr=0.1", "distill.temperature=5"])._begin()
    assert len(list(cache.glob("answers-*.bin"))) == 5


@pytest.mark.parametrize("damage", ["teacher", "torn"])
def test_a_file_of_another_teacher_or_a_torn_one_is_refused(tiny_config, teacher, tmp_path, capsys, eager, damage):
    cache = tmp_path / "cache"
    options = [MICRO, *SHORT, f"data.cache_dir={cache}", f"distill={{teacher: '{teacher}', views: 1}}"]
    _built(tiny_config, tmp_path / "first", options)._begin()
    path: Path = next(cache.glob("answers-*.bin"))
    content = path.read_bytes()
    sha256 = json.loads((teacher / "model.json").read_text())["sha256"].encode()
    path.write_bytes(content.replace(sha256, b"0" * 64) if damage == "teacher" else content[:-4])
    assert _train(tiny_config, tmp_path / "second", options) == 2
    assert "is damaged, or holds the outputs of another teacher; remove it" in capsys.readouterr().err
