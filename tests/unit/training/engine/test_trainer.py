"""What both training programs do when something goes wrong; trainings of a micro model in this process."""

import errno
import json
import os
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hvit.data.caching.photo_cache import AGAIN_S, open_cache
from hvit.data.datasets.reading import read_samples
from hvit.data.photos import LostPhotoError, read_photo
from hvit.runs import Run, RunError, RunWriter
from training import finetune, pretrain
from training.config import load_config
from training.engine.checkpoints import Checkpoints
from training.engine.gradient_guard import GradientGuard
from training.engine.storage import StorageError
from training.engine.trainer import Training
from training.parallel.signals import GaveUp, Signals, Stopped, leave_status
from training.parallel.watchdog import Watchdog
from training.parallel.world import World, join_world

MICRO = "model={name: hvit_tiny, embed_dims: [16, 16, 32, 32], depths: [1, 1, 1, 1], head_dim: 16}"
HERE = World(0, 1, torch.device("cpu"))


@pytest.fixture
def words(tiny_config, tmp_path) -> list[str]:
    """Of a training of 6 steps that logs each and saves at the end."""
    return _words(tiny_config, tmp_path / "run")


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"


@pytest.fixture(scope="module")
def straight(tiny_config, tmp_path_factory):
    """Losses by step, and the last state, of the same training when nothing goes wrong."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    assert finetune.main(_words(tiny_config, path)) == 0
    return _losses(path), _last_state(path)


def _words(config, run_dir) -> list[str]:
    changes = [MICRO, "epochs=2", "log_every=1", "eval_every=1", "rejection_photos=100"]
    changed = [word for change in changes for word in ("--set", change)]
    return ["--config", str(config), "--run-dir", str(run_dir), "--device", "cpu", *changed]


def _losses(run_dir) -> dict[int, float]:
    return {row["step"]: row["loss"] for row in Run(run_dir).metrics() if row["split"] == "train"}


def _last_state(run_dir) -> bytes:
    return (max(run_dir.glob("checkpoints/step-*")) / "tensors.safetensors").read_bytes()


@pytest.fixture
def at_step(monkeypatch):
    """Has something done before the optimizer step of this number (from 0), given the training."""

    def arrange(step: int, action) -> None:
        true_step = Training.train_step

        def train_step(self):
            if self.step == step:
                action(self)
            return true_step(self)

        monkeypatch.setattr(Training, "train_step", train_step)

    return arrange


@pytest.fixture
def spoiled(monkeypatch):
    """Makes the loss, or only the gradients, of some steps (from 0) not finite."""

    def spoil(steps, loss_too: bool) -> None:
        true_step = finetune.train_step

        def train_step(step, step_model, model, *rest):
            loss = true_step(step, step_model, model, *rest)
            if step in steps:
                next(model.parameters()).grad[0] = torch.inf
            return loss * torch.nan if loss_too and step in steps else loss

        monkeypatch.setattr(finetune, "train_step", train_step)

    return spoil


def _weights(run) -> list[torch.Tensor]:
    moments = [value for state in run.optimizer.state.values() for value in state.values()]
    return [value.clone() for value in (*run.learner.state_dict().values(), *moments)]


# Signals.


@pytest.mark.case("T4")
def test_a_first_ctrl_c_waits_for_the_step_and_a_second_does_not():
    with Signals() as signals:
        signals.finishes_step = True
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.stop
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stop_ends_at_once_where_no_step_is_to_be_finished():
    before = signal.getsignal(signal.SIGTERM)
    with Signals(), pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.case("T12")
@pytest.mark.case("T5")
def test_a_request_to_save_saves_and_goes_on(words, run_dir, straight, at_step):
    at_step(3, lambda run: os.kill(os.getpid(), signal.SIGUSR1))
    seen = []
    at_step(4, lambda run: seen.extend(path.name for path in run.states.folder.glob("step-*")))
    assert finetune.main(words) == 0
    assert seen == ["step-00000004"] and _losses(run_dir) == straight[0] and _last_state(run_dir) == straight[1]


def test_one_command_begins_a_run_goes_on_with_it_and_leaves_a_finished_one(words, run_dir, straight, stop_after):
    stop_after(3)
    assert finetune.main([*words, "--resume", "auto"]) == 75
    assert finetune.main([*words, "--resume", "auto"]) == 0
    assert _losses(run_dir) == straight[0] and _last_state(run_dir) == straight[1]
    before = (run_dir / "run.json").read_bytes()
    assert finetune.main([*words, "--resume", "auto"]) == 0 and (run_dir / "run.json").read_bytes() == before


@pytest.fixture
def left(tmp_path, monkeypatch) -> Path:
    """The file that programs leave their exit status in."""
    monkeypatch.setenv("HVIT_STATUS", str(tmp_path / "status"))
    return tmp_path / "status"


def test_an_exit_status_is_left_where_a_file_is_named_for_it(words, run_dir, stop_after, left):
    stop_after(3)
    assert finetune.main(words) == 75 and left.read_text() == "75\n"
    assert finetune.main([*words, "--set", "epoch=3"]) == 2 and left.read_text() == "2\n"
    with pytest.raises(SystemExit):
        finetune.main([*words, "--resume", "perhaps"])
    assert left.read_text() == "2\n"
    assert finetune.main([*words, "--resume"]) == 0 and left.read_text() == "0\n"


@pytest.mark.parametrize(("told", "kept"), [([6, 4], 4), ([4, 6], 4), ([3, 1], 3), ([1], 1), ([6, 6], 6), ([6, 0], 0)])
def test_what_a_process_knows_of_itself_stands_before_what_it_knows_of_others(left, told, kept):
    for status in told:
        leave_status(status)
    assert left.read_text() == f"{kept}\n"


def test_a_status_that_cannot_be_written_keeps_no_process_from_ending(tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_STATUS", str(tmp_path / "nowhere" / "status"))
    leave_status(4)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_where_no_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HVIT_STATUS", raising=False)
    leave_status(3)
    assert not list(tmp_path.iterdir())


def test_a_run_begun_again_by_torchrun_starts_over_where_nothing_was_saved(words, run_dir, straight, monkeypatch):
    def break_down(run):
        raise RuntimeError("out of memory")

    with pytest.MonkeyPatch.context() as patch:
        true_step = Training.train_step
        patch.setattr(Training, "train_step", lambda self: true_step(self) if self.step < 2 else break_down(self))
        with pytest.raises(RuntimeError):
            finetune.main(words)
    assert Run(run_dir).status == "failed"
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert finetune.main(words) == 0  # no checkpoint had been written
    assert _losses(run_dir) == straight[0] and len(Run(run_dir).metrics()) == 6 + 2


def test_an_end_that_was_meant_is_not_undone_by_torchrun(words, run_dir, stop_after, monkeypatch):
    stop_after(2)
    assert finetune.main(words) == 75
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert finetune.main(words) == 75 and max(_losses(run_dir)) == 2


def test_restarts_on_several_nodes_ask_for_what_makes_them_work(monkeypatch):
    told = {"RANK": 0, "WORLD_SIZE": 4, "GROUP_WORLD_SIZE": 2, "TORCHELASTIC_MAX_RESTARTS": 1}
    for name, value in (told | {"TORCHELASTIC_USE_AGENT_STORE": "True"}).items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(ValueError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"), join_world("cpu"):
        pass


# Numbers that are none.


@pytest.mark.parametrize(
    "loss_too",
    [
        pytest.param(True, marks=pytest.mark.case("T10"), id="loss"),
        pytest.param(False, marks=pytest.mark.case("T11"), id="gradients"),
    ],
)
def test_a_step_without_numbers_changes_nothing_and_is_counted(words, run_dir, spoiled, at_step, loss_too, capsys):
    spoiled({3}, loss_too)
    kept = []
    for step in (3, 4):
        at_step(step, lambda run: kept.append(_weights(run)))
    assert finetune.main(words) == 0
    assert all(torch.equal(before, after) for before, after in zip(*kept, strict=True))
    assert Run(run_dir).info.summary["skipped_steps"] == 1
    row = next(row for row in Run(run_dir).metrics() if row["step"] == 4)
    assert row["step"] == 4 and row["skipped_steps"] == 1 and row["grad_norm"] is None
    assert (row["loss"] is None) == loss_too
    skipped = json.loads((run_dir / "skipped.jsonl").read_text())
    with join_world("cpu") as world:
        run = finetune.Finetuning(load_config(Path(words[1]), words[7::2]), run_dir.parent / "other", None, world)
    photos = [run.datasets.train.samples[i].relative for i in run.sampler(np.arange(48, 64))]
    assert skipped == {"step": 4, "processes": [0], "photos": photos}


@pytest.mark.case("T10")
def test_many_steps_without_numbers_in_a_row_end_the_run(words, run_dir, spoiled, capsys):
    spoiled({0, 2, 3, 4}, True)
    assert finetune.main([*words, "--set", "skip_limit=3"]) == 3
    info = Run(run_dir).info
    assert info.status == "failed" and info.exit_status == 3 and info.summary["stopped_at_step"] == 5
    assert "not finite in 3 steps in a row" in info.summary["reason"] and "in a row" in capsys.readouterr().err
    steps = [json.loads(line)["step"] for line in (run_dir / "skipped.jsonl").read_text().splitlines()]
    assert steps == [1, 3, 4, 5]


def test_one_skipped_step_is_no_collapse_of_a_pretraining(words, run_dir, monkeypatch):
    true_step = pretrain.Pretraining._gradients
    monkeypatch.setattr(
        pretrain.Pretraining, "_gradients", lambda self: true_step(self) * (torch.nan if self.step == 1 else 1)
    )
    config = run_dir.with_suffix(".yaml")
    data = load_config(Path(words[1]), []).data
    config.write_text(
        f"data: {{dirs: ['{data.dirs[0]}'], cache_dir: '{data.cache_dir}', holdout: 0.25}}\nmethod: mae\n"
        "epochs: 2\nbatch_size: 16\nimg_size: 64\neval_every: 1\noptim: {warmup_epochs: 9}\n"
    )
    assert pretrain.main(["--config", str(config), *words[2:6], "--set", MICRO]) == 0
    assert Run(run_dir).info.summary["skipped_steps"] == 1
    judged = [row["loss"] for row in Run(run_dir).metrics() if row["split"] == "holdout" and row["step"] > 0]
    assert len(judged) > 1 and all(0 < loss < 2 for loss in judged)  # the mean of those that are numbers


def test_reading_what_became_of_a_step_one_step_later_changes_nothing(
    words, run_dir, straight, stop_after, monkeypatch
):
    """As on an accelerator, which is not waited for."""
    monkeypatch.setattr(
        Training, "reads_at_once", property(lambda self: False, lambda self, value: None), raising=False
    )
    words = [*words, "--set", "log_every=4"]
    stop_after(2)
    assert finetune.main(words) == 75
    assert Run(run_dir).info.summary == {} and Checkpoints(run_dir / "checkpoints").newest() == 3
    assert finetune.main([*words, "--resume"]) == 0
    assert _losses(run_dir) == {step: straight[0][step] for step in (4, 6)} and _last_state(run_dir) == straight[1]


def test_steps_in_a_row_are_counted_when_they_are_read_later(words, run_dir, spoiled, monkeypatch):
    monkeypatch.setattr(
        Training, "reads_at_once", property(lambda self: False, lambda self, value: None), raising=False
    )
    spoiled({0, 2, 3}, True)
    assert finetune.main([*words, "--set", "skip_limit=2", "--set", "log_every=9"]) == 3
    steps = [json.loads(line)["step"] for line in (run_dir / "skipped.jsonl").read_text().splitlines()]
    assert steps == [1, 3, 4]


def test_statistics_of_batch_norm_outlive_a_skipped_step():
    norm = torch.nn.BatchNorm1d(4)
    guard = GradientGuard(HERE, norm, limit=10)
    guard.begin()
    norm(torch.full((2, 4), torch.nan))
    found_inf = guard.check(0, torch.tensor(torch.nan), torch.tensor(1.0), Signals())
    assert found_inf.item() == 1 and norm.running_mean.equal(torch.zeros(4)) and norm.running_var.equal(torch.ones(4))
    assert guard.read().skipped and guard.read() is None


def test_giving_up_counts_steps_in_a_row():
    guard = GradientGuard(HERE, torch.nn.Linear(1, 1), limit=2)
    for step, loss in enumerate((torch.nan, 1.0, torch.inf)):
        guard.check(step, torch.tensor(loss), torch.tensor(1.0), Signals())
        guard.read()
        guard.stop_if_diverged()
    guard.check(3, torch.tensor(1.0), torch.tensor(torch.nan), Signals())
    assert guard.read().skipped
    with pytest.raises(GaveUp, match="2 steps in a row"):
        guard.stop_if_diverged()


# Files.


def _full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.case("C2")
def test_a_checkpoint_that_cannot_be_written_does_not_end_training(words, run_dir, straight, monkeypatch, capsys):
    true_save, failed = Checkpoints.save, []

    def save(self, step, *rest):
        if step < 4:
            failed.append(step)
            raise StorageError(f"no checkpoint could be written at step {step}: No space left on device")
        true_save(self, step, *rest)

    monkeypatch.setattr(Checkpoints, "save", save)
    assert finetune.main([*words, "--set", "checkpoint_minutes=1.0e-6"]) == 0
    assert failed and _losses(run_dir) == straight[0]
    assert "No space left on device; training goes on" in capsys.readouterr().err


@pytest.mark.case("C2")
@pytest.mark.parametrize("what", ["metrics", "last checkpoint"])
def test_what_must_be_written_and_cannot_be_ends_with_4(words, run_dir, monkeypatch, stop_after, capsys, what):
    if what == "metrics":
        monkeypatch.setattr("hvit.runs.writer.append_line", _full)
    else:
        monkeypatch.setattr("training.engine.storage.save_file", _full)
        stop_after(3)
    assert finetune.main(words) == 4
    assert "No space left on device; make room, then go on with --resume" in capsys.readouterr().err
    assert Run(run_dir).status == "failed"


def test_a_row_that_does_not_fit_on_the_disk_leaves_none_of_it(tmp_path):
    import resource

    writer = RunWriter(tmp_path / "run", "finetune", {}, 0, ["training/finetune.py"], "f")
    writer.log(1, 1, "train", loss=0.5)
    size = (tmp_path / "run" / "metrics.jsonl").stat().st_size
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, limit[1]))
    try:
        with pytest.raises(OSError):
            writer.log(2, 1, "train", loss=0.5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    writer.log(3, 1, "train", loss=0.5)
    assert [row["step"] for row in Run(tmp_path / "run").metrics()] == [1, 3]


@pytest.mark.case("C3")
def test_best_weights_that_were_changed_are_taken_back_from_the_checkpoint(words, run_dir, straight, capsys):
    best = run_dir / "checkpoints" / "best.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        true_finish = finetune.Finetuning._finish
        patch.setattr(
            finetune.Finetuning, "_finish", lambda self: best.write_bytes(best.read_bytes()[:-1]) and true_finish(self)
        )
        assert finetune.main(words) == 2 and "--resume takes it back" in capsys.readouterr().err
    assert finetune.main([*words, "--resume"]) == 0 and _losses(run_dir) == straight[0]


@pytest.mark.case("C7")
def test_a_folder_is_written_by_one_process_and_a_killed_one_lets_go(tmp_path):
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        held = RunWriter(tmp_path / "run", "finetune", {}, 0, ["training/finetune.py"], "f")
        os.write(writer, b"!")
        time.sleep(600)
        os._exit(held is None)
    try:
        os.read(reader, 1)
        with pytest.raises(RunError, match=f"is being written by process {child}; wait for it, or choose another"):
            RunWriter(tmp_path / "run", "finetune", {}, 0, ["training/finetune.py"], "f", resume=True)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert Run(tmp_path / "run").status == "running"  # for a minute, nobody can tell
    RunWriter(tmp_path / "run", "finetune", {}, 0, ["training/finetune.py"], "f", resume=True).finish("done", {})
    assert Run(tmp_path / "run").status == "done" and not (tmp_path / "run" / ".lock").exists()


@pytest.mark.case("T8")
def test_another_global_batch_is_refused_with_what_to_set(words, stop_after, capsys):
    stop_after(2)
    assert finetune.main(words) == 75
    assert finetune.main([*words, "--resume", "--set", "batch_size=32"]) == 2
    assert "a step of this run is 16 photos, and would be 32 here" in capsys.readouterr().err


@pytest.mark.case("C5")
def test_resuming_with_another_model_names_what_differs(words, stop_after, capsys):
    stop_after(2)
    assert finetune.main(words) == 75
    assert finetune.main([*words, "--resume", "--set", "model.depths=[2, 1, 1, 1]"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "model.depths was [1, 1, 1, 1] and is now [2, 1, 1, 1]; go on with that one" in told


def test_resuming_on_other_photos_is_refused(words, stop_after, capsys, color_photos, tmp_path):
    stop_after(2)
    assert finetune.main(words) == 75
    moved = shutil.copytree(color_photos, tmp_path / "elsewhere" / color_photos.name)
    (moved / "train" / "Tomato___healthy" / "00.png").unlink()
    assert finetune.main([*words, "--resume", "--set", f"data.dirs=['{moved}']"]) == 2
    assert "the training photos are not those this run began with" in capsys.readouterr().err


def test_resuming_from_nothing_says_what_to_do(words, capsys):
    assert finetune.main([*words, "--resume"]) == 2
    assert "--resume auto starts this run over" in capsys.readouterr().err


# Photos.


@pytest.fixture
def photos(color_photos, tmp_path):
    """A copy of the training photos, to be damaged."""
    import shutil

    return shutil.copytree(color_photos, tmp_path / "colors")


@pytest.mark.case("D1")
def test_too_many_unreadable_photos_end_with_5_and_name_the_first(words, photos, tmp_path, capsys):
    broken = photos / "train" / "Tomato___healthy" / "03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]
    assert finetune.main(words) == 5
    told = capsys.readouterr().err
    assert "1 of 48 photos cannot be read; the first is colors/train/Tomato___healthy/03.png" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.case("D1")
@pytest.mark.case("D2")
def test_a_few_unreadable_photos_are_left_out_and_listed(words, run_dir, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("hvit.data.caching.photo_cache.MAX_UNREADABLE", 0.03)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    (photos / "train" / "Tomato___healthy" / "03.png").write_bytes(b"")
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]
    assert finetune.main(words) == 0
    listed = json.loads((run_dir / "unreadable.json").read_text())
    assert listed == {"colors/train/Tomato___healthy/03.png": "it is empty (0 bytes). Copy it again."}
    assert (run_dir / "split.csv").read_text().count(",train,") == 47


@pytest.mark.case("D2")
def test_a_file_that_cannot_be_opened_is_tried_again(photos, tmp_path, monkeypatch):
    samples = read_samples([photos], "train")
    true_read, tries = read_photo, []

    def read(path, least_sides=None):
        tries.append(path)
        if path == samples[5].path and tries.count(path) <= len(AGAIN_S):
            raise LostPhotoError("the file cannot be opened: Stale file handle.")
        return true_read(path, least_sides)

    monkeypatch.setattr("hvit.data.datasets.samples.read_photo", read)
    assert open_cache(samples, 64, tmp_path / "cache").unreadable == {}
    assert tries.count(samples[5].path) == len(AGAIN_S) + 1


@pytest.mark.case("D2")
def test_a_photo_that_goes_between_listing_and_reading_is_left_out(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("hvit.data.caching.photo_cache.MAX_UNREADABLE", 0.03)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    samples = read_samples([photos], "train")
    samples[5].path.unlink()
    cache = open_cache(samples, 64, tmp_path / "cache")
    assert list(cache.unreadable) == [samples[5].relative] and len(cache) == 47


@pytest.mark.case("D2")
def test_photos_lost_since_they_were_read_are_left_out_of_calibration_and_counted(
    words, run_dir, photos, tmp_path, at_step, monkeypatch, capsys
):
    monkeypatch.setattr("training.calibration.fitting.MAX_UNREADABLE", 0.2)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]

    def lose(run):
        run.datasets.val.samples[run.datasets.calibrates[0]].path.unlink()
        cv2.imwrite(str(run.datasets.train.samples[7].path), np.zeros((80, 80, 3), np.uint8))

    at_step(4, lose)
    assert finetune.main(words) == 0
    assert Run(run_dir).info.summary["calibrate_lost"] == 1
    told = capsys.readouterr().err
    assert told.count("gone or changed since training began") == 2 and "calibrating without them" in told


# Processes that hang.


class _Store(dict):
    """In the place of the processes' shared store."""

    def set(self, key, value):
        self[key] = value.encode()

    def check(self, keys):
        return all(key in self for key in keys)

    def get(self, key):
        return self[key]


def _watched(limit_s: float, operations: dict, alive, moves) -> list[str]:
    """What three watches over a shared store say in the end, where some processes are not alive or do not move."""
    store, said = _Store(), []
    watches = [Watchdog(store, rank, 3, limit_s, lambda rank=rank: operations[rank], said.append) for rank in alive]
    for watch in watches:
        watch.set_watched(True)
        watch.heartbeat(7)
        watch.start()
    deadline = time.monotonic() + 20 * limit_s
    while len(said) < len(watches) and time.monotonic() < deadline:
        for watch in watches:
            if watch._rank in moves:
                watch.heartbeat(7)
        time.sleep(limit_s / 20)
    for watch in watches:
        watch.stop()
        watch.join()
    return said


@pytest.mark.case("T6")
def test_the_process_that_began_the_fewest_operations_is_the_one_that_hangs():
    said = _watched(0.5, {0: 9, 1: 8, 2: 9}, alive=(0, 1, 2), moves=())
    assert len(said) == 3 and set(said) == {"process 1 of 3 hangs: no progress at step 7 for 0 s"}


@pytest.mark.case("T6")
def test_a_process_without_a_sign_of_life_is_gone():
    said = _watched(0.5, {0: 9, 1: 9, 2: 9}, alive=(0, 1), moves=(0, 1))
    assert said and all(line.startswith("process 2 of 3 is gone: no sign of life") for line in said)


def test_who_waits_for_a_process_that_works_does_not_accuse_it():
    assert _watched(0.5, {0: 8, 1: 9, 2: 9}, alive=(0, 1, 2), moves=(0,)) == []
