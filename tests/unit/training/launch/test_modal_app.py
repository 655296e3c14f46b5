"""The function of Modal, with a stand-in for what it uses of the package, and a torchrun that only writes a run."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[4]
WORDS = ("training.finetune", "--config", "x.yaml", "--run-dir", "runs/mine")


class Image(SimpleNamespace):
    def debian_slim(self, python: str) -> "Image":
        return Image()

    pip_install_from_requirements = workdir = debian_slim

    def add_local_dir(self, local_path: str, remote_path: str, copy: bool, ignore: list[str]) -> "Image":
        assert (ROOT / local_path).is_dir()
        return self


class Volume:
    def __init__(self):
        self.commits = 0

    @classmethod
    def from_name(cls, name: str, create_if_missing: bool) -> "Volume":
        return cls()

    def commit(self) -> None:
        self.commits += 1


class App(SimpleNamespace):
    def function(self, **told):
        return lambda function: function

    def local_entrypoint(self):
        return lambda function: function


@pytest.fixture
def modal_app(monkeypatch, tmp_path):
    """The module, at home in an empty folder with a project beside it."""
    stand_in = ModuleType("modal")
    stand_in.App, stand_in.Image, stand_in.Volume, stand_in.Retries = lambda name: App(), Image(), Volume, dict
    monkeypatch.setitem(sys.modules, "modal", stand_in)
    spec = importlib.util.spec_from_file_location("modal_app", ROOT / "training" / "launch" / "modal_app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    for package in ("hvit", "training"):
        (tmp_path / package).symlink_to(ROOT / package)
    monkeypatch.setattr(module, "HOME", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]))
    return module


def torchrun(home: Path, does: str) -> None:
    """Puts a torchrun in the way that does this, in bash; `tell STATUS` is what a program says of itself."""
    (home / "bin").mkdir()
    tell = 'tell() { echo "$1" > "$HVIT_STATUS"; }'
    (program := home / "bin" / "torchrun").write_text(f'#!/usr/bin/env bash\necho "$*" > line\n{tell}\n{does}\n')
    program.chmod(0o755)


def until_begun(home: Path) -> None:
    deadline = time.monotonic() + 60
    while not (home / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("does", "status"),
    [
        pytest.param("exit 0", 0, id="done"),
        pytest.param("tell 3; exit 1", 3, id="given up"),
        pytest.param("tell 2; exit 1", 2, id="refused"),
        pytest.param("exit 1", 1, id="broken before it could say anything"),
        pytest.param("tell 6; exit 0", 0, id="a process was lost, and done after a restart"),
    ],
)
def test_a_training_that_ends_by_itself_returns_how_so_that_modal_does_not_try_again(modal_app, tmp_path, does, status):
    torchrun(tmp_path, does)
    assert modal_app.train(*WORDS) == status
    assert modal_app.runs.commits == 1
    words = "--standalone --nproc-per-node=gpu --max-restarts=3 -m " + " ".join(WORDS) + " --resume auto\n"
    assert (tmp_path / "line").read_text() == words


UNTIL_STOPPED = "stop() { echo > runs/mine/saved; exit 1; }; trap stop TERM; echo > begun; while :; do sleep 0.02; done"


@pytest.fixture
def interruptible():
    """An interrupt raises KeyboardInterrupt, also where a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_preemption_saves_before_it_is_forwarded(modal_app, tmp_path, monkeypatch, interruptible):
    class Preempted(subprocess.Popen):
        def wait(self, timeout=None):
            if timeout is not None:
                until_begun(tmp_path)
                os.kill(os.getpid(), signal.SIGINT)  # as Modal does
            return super().wait(timeout)

    torchrun(tmp_path, UNTIL_STOPPED)
    monkeypatch.setattr(modal_app.subprocess, "Popen", Preempted)
    with pytest.raises(KeyboardInterrupt):
        modal_app.train(*WORDS)
    assert (tmp_path / "runs" / "mine" / "saved").exists()
    assert modal_app.runs.commits == 1


def test_a_training_that_takes_longer_than_modal_lets_it_is_stopped_and_tried_again(modal_app, tmp_path, monkeypatch):
    class Hasty(subprocess.Popen):
        def wait(self, timeout=None):
            if timeout is not None:
                assert 0 < timeout < modal_app.LIMIT_S
                until_begun(tmp_path)
                timeout = 0.01
            return super().wait(timeout)

    torchrun(tmp_path, UNTIL_STOPPED)
    monkeypatch.setattr(modal_app.subprocess, "Popen", Hasty)
    with pytest.raises(subprocess.TimeoutExpired):
        modal_app.train(*WORDS)
    assert (tmp_path / "runs" / "mine" / "saved").exists()
    assert modal_app.runs.commits == 1


@pytest.mark.parametrize("status", [0, 3])
def test_the_command_ends_with_the_exit_status_of_the_training(modal_app, monkeypatch, status):
    call = SimpleNamespace(get=lambda: status)
    monkeypatch.setattr(modal_app, "train", SimpleNamespace(spawn=lambda *words: call if words == WORDS else None))
    if status == 0:
        modal_app.main(*WORDS)
    else:
        with pytest.raises(SystemExit) as ended:
            modal_app.main(*WORDS)
        assert ended.value.code == status


def test_a_training_without_a_run_is_refused_before_anything_starts(modal_app):
    with pytest.raises(SystemExit, match="name the run: --run-dir runs/NAME"):
        modal_app.main("training.finetune", "--config", "x.yaml")
