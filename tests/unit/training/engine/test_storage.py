"""Full disks, damaged weights, and a folder that two processes want."""

import errno
import os
import signal
import time

import pytest

from hvit.runs import Run, RunError, RunWriter
from tests.support.micro_trainings import losses_of
from training import finetune
from training.engine.checkpoints import Checkpoints
from training.engine.storage import StorageError


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
    assert failed and losses_of(run_dir) == straight[0]
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
    assert finetune.main([*words, "--resume"]) == 0 and losses_of(run_dir) == straight[0]


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
