"""Checkpoints that are damaged, cannot be written, or are not what they seem."""

import errno
import json
import os
import pickle
import random
import resource
import shutil
import signal
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch

from hvit.models import create_model
from training.config import ConfigError
from training.engine import checkpoints as state
from training.engine.checkpoints import Checkpoints
from training.engine.ema import Ema
from training.engine.optim import adamw
from training.engine.storage import StorageError

MICRO = {"embed_dims": (16, 16, 32, 32), "depths": (1, 1, 1, 1), "head_dim": 16}


def _trained(steps: int, seed: int, num_classes: int = 3):
    torch.manual_seed(seed)
    model = create_model("hvit_tiny", num_classes=num_classes, **MICRO)
    ema, optimizer = Ema(model, 0.9), adamw(model, 1e-3, 0.05, 0.999)
    for _ in range(steps):
        _step(model, ema, optimizer)
    return model, ema, optimizer


def _step(model, ema, optimizer):
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    torch.nn.functional.cross_entropy(model(images), torch.tensor([0, 1])).backward()
    optimizer.step()
    optimizer.zero_grad()
    ema.update(model)


@pytest.fixture(scope="module")
def learned():
    return _trained(1, seed=0)


@pytest.fixture
def two_states(learned, tmp_path) -> Checkpoints:
    states = Checkpoints(tmp_path)
    for step in (1, 2):
        states.save(step, *learned, {"best": step})
    return states


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.case("T7")
def test_a_step_after_loading_is_the_step_that_would_have_been(tmp_path):
    model, ema, optimizer = _trained(3, seed=0)
    states = Checkpoints(tmp_path)
    states.save(3, model, ema, optimizer, {"best": None})
    other = _trained(0, seed=1)
    assert states.newest() == 3 and states.load(3, *other) == {"best": None}
    _step(model, ema, optimizer)
    _step(*other)
    assert ema.updates == other[1].updates == 4
    for ours, theirs in ((model, other[0]), (ema.model, other[1].model)):
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
            assert torch.equal(a, b)


@pytest.mark.case("C1")
@pytest.mark.parametrize("kills", [15, pytest.param(100, marks=pytest.mark.faults)])
def test_being_killed_while_saving_leaves_the_previous_checkpoint(learned, tmp_path, record_property, kills):
    states, draws = Checkpoints(tmp_path), random.Random(0)
    states.save(1, *learned, {})
    began = time.monotonic()
    states.save(2, *learned, {})
    one_save = time.monotonic() - began
    orphans = last = 0
    for _ in range(kills):
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:  # saves one state after the other until it is killed
            os.write(writer, b"!")
            for step in range(last + 1, last + 1000):
                states.save(step, *learned, {})
            os._exit(0)
        os.read(reader, 1)
        time.sleep(draws.uniform(0, 3 * one_save))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader), os.close(writer)
        orphans += any(name.startswith(".partial") for name in _names(tmp_path))
        states.clean()
        found = states.newest()
        assert found >= last and not any(name.startswith(".") for name in _names(tmp_path))
        last = found
    states.load(last, *_trained(0, seed=1))
    assert orphans > 0
    record_property("told", f"{orphans} of {kills} kills left something half-written")


@pytest.mark.case("C2")
def test_a_full_disk_keeps_existing_checkpoints(two_states, learned):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))  # bytes of a file: less than the tensors take
    try:
        with pytest.raises(StorageError, match="no checkpoint could be written at step 3: .*[Ff]ile too large"):
            two_states.save(3, *learned, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert _names(two_states.folder) == ["step-00000001", "step-00000002"] and two_states.newest() == 2


@pytest.mark.case("C3")
@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
@pytest.mark.parametrize("name", [state.TENSORS, state.STATE, state.MANIFEST, "best.safetensors"])
def test_a_damaged_checkpoint_is_skipped_for_the_previous_one(learned, tmp_path, capsys, name, damage):
    states = Checkpoints(tmp_path / "checkpoints")
    (best := tmp_path / "best.safetensors").write_bytes(b"weights")
    for step in (1, 2):
        states.save(step, *learned, {}, [best])
    path = states.folder / "step-00000002" / name
    data = bytearray(path.read_bytes())
    if damage == "lose":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    assert states.newest() == 1
    text = capsys.readouterr().err
    assert "passed over step-00000002: " in text and "going on from step-00000001" in text
    assert name in text or "manifest" in text
    states.save(2, *learned, {}, [best])
    assert states.newest() == 2


def test_where_no_checkpoint_is_intact_each_is_named_with_its_reason(two_states):
    for step in (1, 2):
        (two_states.folder / f"step-{step:08d}" / state.TENSORS).write_bytes(b"")
    with pytest.raises(ConfigError, match="step-00000002: tensors.* is damaged.*; step-00000001: tensors.* is damaged"):
        two_states.newest()


def test_a_checkpoint_of_an_older_version_is_reported_as_such(two_states):
    shutil.rmtree(two_states.folder / "step-00000001")
    (two_states.folder / "step-00000002" / state.MANIFEST).unlink()
    (two_states.folder / "step-00000002" / state.STATE).write_text('{"step": 2, "sha256": "0", "extra": {}}')
    with pytest.raises(ConfigError, match="made by an older version"):
        two_states.newest()


class _Malice:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data.pkl", "w") as out:
            for _ in range(50):
                out.write(bytes(1_000_000))


@pytest.mark.case("C4")
@pytest.mark.parametrize("kind", ["pickle", "torch", "bomb", "header"])
def test_what_is_not_tensors_is_refused_and_never_run(two_states, tmp_path, kind):
    """Also where whoever forged it wrote a manifest that fits."""
    folder, ran = two_states.folder / "step-00000002", tmp_path / "ran"
    path = folder / state.TENSORS
    if kind == "pickle":
        path.write_bytes(pickle.dumps(_Malice(ran)))
    elif kind == "torch":
        torch.save(_Malice(ran), path)
    elif kind == "bomb":
        _bomb(path)
    else:
        path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    manifest = json.loads((folder / state.MANIFEST).read_text())
    manifest["files"][state.TENSORS] = state.file_sha256(path)
    (folder / state.MANIFEST).write_text(json.dumps(manifest))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert two_states.newest() == 1
    assert not ran.exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.case("C5")
@pytest.mark.parametrize(
    ("there", "world", "expected"),
    [(3, 5, r"head.bias is \(3,\) there and \(5,\) here \(2 differ\)"), (5, 3, r"head.bias is \(5,\) there")],
)
def test_a_state_of_another_model_is_refused_and_named(tmp_path, there, world, expected):
    states = Checkpoints(tmp_path)
    states.save(1, *_trained(0, 0, there), {})
    with pytest.raises(ConfigError, match=expected):
        states.load(1, *_trained(0, 0, world))


@pytest.mark.case("C6")
def test_only_the_newest_two_states_are_kept(learned, tmp_path):
    for step in (1, 2, 3):
        Checkpoints(tmp_path).save(step, *learned, {})
    assert _names(tmp_path) == ["step-00000002", "step-00000003"]


@pytest.mark.case("C6")
def test_a_state_that_cannot_be_removed_stops_nothing(two_states, learned, monkeypatch, capsys):
    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors=False: None if ignore_errors else refuse(path))
    two_states.save(3, *learned, {})
    assert "step-00000001 cannot be removed (Read-only file system); training goes on" in capsys.readouterr().err
    assert two_states.newest() == 3


@pytest.mark.case("C6")
def test_a_damaged_newer_checkpoint_does_not_evict_a_good_one(two_states, learned):
    two_states.save(5, *learned, {})
    (two_states.folder / "step-00000005" / state.TENSORS).write_bytes(b"")
    assert two_states.newest() == 2
    two_states.save(3, *learned, {})  # training went on from 2
    assert _names(two_states.folder) == ["step-00000002", "step-00000003"]


def test_a_file_saved_with_a_checkpoint_is_restored(learned, tmp_path):
    states, best = Checkpoints(tmp_path), tmp_path / "best.safetensors"
    best.write_bytes(b"first")
    states.save(1, *learned, {}, [best])
    best.write_bytes(b"second")
    assert states.restore(1, best.name).read_bytes() == b"first"


def test_where_nothing_was_saved_there_is_no_newest_checkpoint(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").newest() is None
