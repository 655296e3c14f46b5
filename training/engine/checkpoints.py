"""Checkpoints of the training state for exact resume: safetensors and JSON, nothing pickled.

Checkpoints of sharded and unsharded trainings are interchangeable, on any number of processes.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from hvit.files import file_sha256
from hvit.untrusted import UntrustedFileError, inside, read_json
from training.config import ConfigError
from training.engine.ema import Ema
from training.engine.storage import StorageError, flush, remove, remove_and_create, save_tensors
from training.parallel.fsdp import read_into, save_shards, shapes_in
from training.parallel.world import ALONE, World

VERSION = 2
KEEP = 2
STATE, TENSORS, MANIFEST = "state.json", "tensors.safetensors", "manifest.json"
MAX_STATE_BYTES = 64 * 2**20
SHARDS = "shards"  # in the place of TENSORS: a folder with a file of each process


class Checkpoints:
    """Checkpoint folders step-N of a run, each written atomically, with a manifest of its files.

    Args:
        folder: of the checkpoints; need not exist yet.
        world: processes that tensors are sharded over.
    """

    def __init__(self, folder: Path, world: World = ALONE):
        self.folder, self._world = folder, world

    def save(
        self,
        step: int,
        model: nn.Module,
        ema: Ema | None,
        optimizer: torch.optim.Optimizer,
        extra: dict,
        extra_files: Iterable[Path] = (),
    ) -> None:
        """Writes step-N and removes all but the newest two; every process must call it at the same point.

        Args:
            ema: the average of the weights, where there is one.
            extra: further state for resume, as JSON.
            extra_files: further files for resume; copied.
        Raises:
            StorageError: it could not be written; those that were there still are.
        """
        world = self._world
        # A new name each time: a shared file system may cache the previous meaning of a name.
        partial = self.folder / f".partial-{world.broadcast(os.getpid())}-{step}"
        tensors = _tensors(model, ema, optimizer)
        record = {"step": step, "ema_updates": None if ema is None else ema.updates, "extra": extra}
        try:
            world.main_does(lambda: remove_and_create(partial))
            if world.size == 1:
                save_tensors(partial / TENSORS, tensors)
            else:
                save_shards(partial / SHARDS, tensors)
            world.main_does(lambda: self._complete(partial, record, extra_files))
        except OSError as error:
            if world.is_main:
                shutil.rmtree(partial, ignore_errors=True)
            raise StorageError(f"no checkpoint could be written at step {step}: {error.strerror or error}") from error

    def _complete(self, partial: Path, record: dict, extra_files: Iterable[Path]) -> None:
        """Adds extra files and the manifest, then renames the folder to its final name."""
        step, size = record["step"], self._world.size
        if size > 1 and (written := len(_files(partial / SHARDS))) != size:
            raise OSError(f"{written} of {size} processes wrote their part; all must see the same --run-dir")
        for path in extra_files:
            shutil.copyfile(path, partial / path.name)
        (partial / STATE).write_text(json.dumps(record), encoding="utf-8")
        files = {path.relative_to(partial).as_posix(): file_sha256(path) for path in _files(partial)}
        (partial / MANIFEST).write_text(json.dumps({"version": VERSION, "files": files}), encoding="utf-8")
        for path in (*partial.rglob("*"), partial):
            flush(path)
        target = self._of(step)
        if target.exists():  # damaged: else training had gone on from it
            os.replace(target, partial.with_name(f"{partial.name}-before"))
        os.replace(partial, target)
        flush(self.folder)
        self._purge(step)

    def newest(self) -> int | None:
        """Step of the newest intact checkpoint, None without any; prints which were skipped and why.

        Raises:
            ConfigError: there are states, but none is intact.
        """
        reasons = []
        for folder in self._all():
            if (reason := damage(folder)) is None:
                for each in reasons:
                    print(f"passed over {each}", file=sys.stderr, flush=True)
                if reasons:
                    print(f"going on from {folder.name}, which is intact", file=sys.stderr, flush=True)
                return _step(folder)
            reasons.append(f"{folder.name}: {reason}")
        if reasons:
            raise ConfigError(
                f"--resume: no intact checkpoint in {self.folder} ({'; '.join(reasons)}); start a new --run-dir"
            )
        return None

    def load(self, step: int, model: nn.Module, ema: Ema | None, optimizer: torch.optim.Optimizer) -> dict:
        """Loads a checkpoint into model, EMA and optimizer; returns what was saved as `extra`.

        Returns:
            The value of `extra`.
        Raises:
            ConfigError: this process cannot see it, or it is of another model.
        """
        folder = self._of(step)
        if (reason := damage(folder)) is not None:  # another process chose it
            raise ConfigError(f"--resume: {folder}: {reason}; all processes must see one --run-dir")
        record = _read_state(folder / STATE)
        place = folder / SHARDS if (folder / SHARDS).exists() else folder
        shapes = shapes_in(place)
        _check_same_parameters(model, _part(shapes, "model."))
        if ema is not None:
            _check_same_parameters(ema.model, _part(shapes, "ema."))
            ema.updates = record["ema_updates"]
        moments = _part(shapes, "optimizer.")
        for name, parameter in model.named_parameters():
            state = optimizer.state[parameter] = {}
            for key, shape in _part(moments, f"{name}.").items():
                is_moment = shape == parameter.shape  # divided as the weight is; the count of steps is not
                state[key] = torch.zeros_like(parameter) if is_moment else torch.zeros(shape, device=parameter.device)
        read_into(_tensors(model, ema, optimizer), place)
        return record["extra"]

    def restore(self, step: int, name: str) -> Path:
        """Copies an extra file of a checkpoint back to where `save` took it from."""
        partial = self.folder / f".partial-{os.getpid()}"
        shutil.copyfile(self._of(step) / name, partial)
        os.replace(partial, self.folder / name)
        return self.folder / name

    def clean(self) -> None:
        """Removes partial folders of a process that was killed while saving."""
        for path in self.folder.glob(".partial-*"):
            remove(path)

    def _purge(self, step: int) -> None:
        """Removes checkpoints beyond `step`, which were skipped as damaged, so that they do not count as newest."""
        own = [folder for folder in self._all() if _step(folder) <= step]
        for folder in (*own[KEEP:], *(set(self._all()) - set(own))):
            remove(folder)
        self.clean()

    def _of(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _all(self) -> list[Path]:
        """Checkpoint folders, newest first."""
        return sorted(self.folder.glob("step-" + 8 * "[0-9]"), reverse=True)


def damage(folder: Path) -> str | None:
    """The reason a checkpoint cannot be loaded; None where all files match its manifest."""
    if not (folder / MANIFEST).exists():
        return "made by an older version; resume with that version" if _is_older(folder) else "it has no manifest"
    try:
        manifest = read_json(folder / MANIFEST)
        if manifest["version"] != VERSION:
            return f"version {manifest['version']}, and this program reads version {VERSION}"
        files = dict(manifest["files"])
        tensors = [name for name in files if name == TENSORS or name.startswith(f"{SHARDS}/")]
        if STATE not in files or not tensors:
            return "the manifest is incomplete"
    except (OSError, ValueError, KeyError, TypeError):
        return "the manifest is damaged"
    for name, sha256 in files.items():
        try:
            path = inside(folder, name)
        except UntrustedFileError as error:
            return f"the manifest is damaged: {name[:80]} {error}"
        if not path.is_file():
            return f"{name} is missing"
        if file_sha256(path) != sha256:
            return f"{name} is damaged: its SHA-256 is not the one in the manifest"
    for path in folder.rglob("*.safetensors"):  # all of which are read
        if (name := path.relative_to(folder).as_posix()) not in files:
            return f"{name} is not in the manifest"
    try:
        for name in tensors:
            with safe_open(folder / name, "pt"):
                pass
        _read_state(folder / STATE)
    except (SafetensorError, ValueError):
        return f"{TENSORS} or {STATE} is not what its name says"
    return None


def _read_state(path: Path) -> dict:
    """Reads the JSON of a checkpoint; infinities are kept, such as the best score before the first."""
    record = read_json(path, MAX_STATE_BYTES, nan="keep")
    if not isinstance(record, dict):
        raise UntrustedFileError("is damaged")
    return record


def _is_older(folder: Path) -> bool:
    """Whether a checkpoint has the older format: a hash of its tensors, and no manifest."""
    try:
        return "sha256" in _read_state(folder / STATE)
    except (OSError, ValueError, TypeError):
        return False


def _tensors(model: nn.Module, ema: Ema | None, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    if ema is not None:
        tensors |= {f"ema.{k}": v for k, v in ema.model.state_dict().items()}
    for name, parameter in model.named_parameters():
        tensors |= {f"optimizer.{name}.{key}": value for key, value in optimizer.state[parameter].items()}
    return tensors


def _check_same_parameters(model: nn.Module, found: dict[str, tuple[int, ...]]) -> None:
    """Checks that a checkpoint has the parameter names and shapes of the model."""
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if differing:
        key = differing[0]
        raise ConfigError(
            f"--resume: the checkpoint is of another model: {key} is {found.get(key, 'missing')} there and "
            f"{expected.get(key, 'missing')} here ({len(differing)} differ); resume with the configuration of the run"
        )


def _part(tensors: dict, prefix: str) -> dict:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _files(folder: Path) -> list[Path]:
    """All files below a folder, in order; none where it does not exist."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))
