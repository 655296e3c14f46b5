"""Signals, exit statuses and restarts of a training program."""

import os
import signal
from pathlib import Path

import pytest

from hvit.runs import Run
from tests.support.micro_trainings import last_state_of, losses_of
from training import finetune
from training.engine.trainer import Training
from training.parallel.signals import Signals, Stopped, leave_status
from training.parallel.world import join_world


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
def test_a_request_to_save_saves_and_training_continues(words, run_dir, straight, at_step):
    at_step(3, lambda run: os.kill(os.getpid(), signal.SIGUSR1))
    seen = []
    at_step(4, lambda run: seen.extend(path.name for path in run.states.folder.glob("step-*")))
    assert finetune.main(words) == 0
    assert seen == ["step-00000004"] and losses_of(run_dir) == straight[0] and last_state_of(run_dir) == straight[1]


def test_one_command_starts_resumes_and_then_keeps_a_finished_run(words, run_dir, straight, stop_after):
    stop_after(3)
    assert finetune.main([*words, "--resume", "auto"]) == 75
    assert finetune.main([*words, "--resume", "auto"]) == 0
    assert losses_of(run_dir) == straight[0] and last_state_of(run_dir) == straight[1]
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


@pytest.mark.parametrize(
    ("expected", "kept"), [([6, 4], 4), ([4, 6], 4), ([3, 1], 3), ([1], 1), ([6, 6], 6), ([6, 0], 0)]
)
def test_the_own_exit_status_of_a_process_precedes_what_it_reports_of_others(left, expected, kept):
    for status in expected:
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
    assert losses_of(run_dir) == straight[0] and len(Run(run_dir).metrics()) == 6 + 2


def test_an_end_that_was_meant_is_not_undone_by_torchrun(words, run_dir, stop_after, monkeypatch):
    stop_after(2)
    assert finetune.main(words) == 75
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert finetune.main(words) == 75 and max(losses_of(run_dir)) == 2


def test_restarts_on_several_nodes_ask_for_what_makes_them_work(monkeypatch):
    text = {"RANK": 0, "WORLD_SIZE": 4, "GROUP_WORLD_SIZE": 2, "TORCHELASTIC_MAX_RESTARTS": 1}
    for name, value in (text | {"TORCHELASTIC_USE_AGENT_STORE": "True"}).items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(ValueError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"), join_world("cpu"):
        pass
