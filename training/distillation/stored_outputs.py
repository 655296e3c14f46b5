"""Teacher outputs computed once for a few views of each photo and stored (`distill.views`), as in TinyViT
(Wu et al. 2022, arXiv:2207.10666).

A file holds the logits and pooled features of one teacher for every view sample at one image size and strength of
augmentation. Its header says of which weights, photos and views; its name is a hash of that, so that a file of anything
else is never read.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hvit.console import progress as progress_bar
from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.transfer import to_device
from hvit.onnx_session import OnnxSession
from training.config import AugmentConfig, ConfigError, FinetuneConfig
from training.distillation.repeated_views import RepeatedViews
from training.distillation.teacher import SoftTargets, Teacher, TeacherNet, soft_targets
from training.inputs.augment import BLOCK, augment, sides_of
from training.inputs.mixing import mix
from training.inputs.sampler import Sampler
from training.parallel.world import World

VERSION = 1  # of the file and of the augmentation: another reads none of these
HEADER_BYTES = 8192
BLOCKS_AT_ONCE = 8
FLUSH_S = 20


class OutputFile:
    """Memory map of one teacher's outputs for all views: header, finished blocks, logits, pooled features.

    Args:
        path: of the file, which must be there.
        header: expected header.
        writable: open it for writing.
    Raises:
        ConfigError: its header differs, or it is damaged.
    """

    def __init__(self, path: Path, header: dict, writable: bool = False):
        try:
            with open(path, "rb") as file:
                found = json.loads(file.read(HEADER_BYTES).rstrip(b"\0"))
        except ValueError:
            found = None
        if found != header or path.stat().st_size != _num_bytes(header):
            raise ConfigError(f"{path} is damaged, or holds the outputs of another teacher; remove it")
        data = np.memmap(path, dtype=np.uint8, mode="r+" if writable else "r")
        blocks, samples = header["num_samples"] // BLOCK, header["num_samples"]
        logits_at = HEADER_BYTES + _aligned(blocks)
        features_at = logits_at + 4 * samples * header["num_classes"]
        self._data, self.num_blocks = data, blocks
        self.done = data[HEADER_BYTES : HEADER_BYTES + blocks]
        self.logits = data[logits_at:features_at].view(np.float32).reshape(samples, -1)
        self.features = data[features_at:].view(np.float16).reshape(samples, -1) if header["features"] else None

    def write(self, blocks: np.ndarray, logits: np.ndarray, features: np.ndarray) -> None:
        """Writes outputs for the samples of some blocks; a block is marked done only after its outputs are written."""
        rows = _samples_of(blocks)
        self.logits[rows] = logits
        if self.features is not None:
            self.features[rows] = features
        self.done[blocks] = 1

    def flush(self) -> None:
        """Flushes the memory map to disk."""
        self._data.flush()

    @staticmethod
    def create(path: Path, header: dict) -> None:
        """Creates an empty file of full size, so that a full disk is noticed early.

        Raises:
            OSError: there is no room.
        """
        text = json.dumps(header).encode()
        if len(text) > HEADER_BYTES:
            raise AssertionError("the header of a file of stored outputs is too long")
        with open(path, "wb") as file:
            file.write(text)
            if hasattr(os, "posix_fallocate"):  # Windows and macOS have none
                os.posix_fallocate(file.fileno(), 0, _num_bytes(header))
            file.truncate(_num_bytes(header))


class StoredTeacher:
    """Teachers whose outputs are read from files instead of computed.

    Args:
        teacher: whose outputs they are.
        files: one a teacher, for each view setting of the training.
        setting_at: the view setting at a fraction of training.
    """

    def __init__(
        self,
        teacher: Teacher,
        files: dict[tuple, list[OutputFile]],
        setting_at: Callable[[float], tuple],
        device: torch.device,
    ):
        self.sha256, self._config, self._device = teacher.sha256, teacher.config, device
        self._orders = [net.order for net in teacher.nets]
        self._files, self._setting_at = files, setting_at

    def __call__(self, views: Tensor, samples: np.ndarray, progress: float) -> SoftTargets:
        """Reads the outputs of view samples (B,); `views` is ignored."""
        files, outputs = self._files[self._setting_at(progress)], []
        for file, order in zip(files, self._orders, strict=True):
            logits = to_device(np.asarray(file.logits[samples]), self._device)[:, order]
            features = None
            if file.features is not None:
                features = to_device(np.asarray(file.features[samples]), self._device)
            outputs.append((logits, features))
        return soft_targets(outputs, self._config.temperature)


def stored_teacher(
    teacher: Teacher, views: RepeatedViews, cache: PhotoCache, sampler: Sampler, config: FinetuneConfig, world: World
) -> StoredTeacher:
    """Opens the stored outputs of teachers for all views of a training, computing missing ones.

    The first process computes, the others wait. An interrupted file is continued.

    Raises:
        ConfigError: the header of a file does not match its name.
        OSError: outputs cannot be written.
    """
    files = {}
    for setting in dict.fromkeys(_setting(config, phase.until, before=True) for phase in config.phases):
        headers = [_header(net, setting, views, cache, sampler, config, world) for net in teacher.nets]
        paths = [_path(config.data.cache_dir, header) for header in headers]
        if world.is_main:
            lacking = [
                (net, path, header) for net, path, header in zip(teacher.nets, paths, headers) if not path.exists()
            ]
            for net, path, header in lacking:
                _store(net, path, header, setting, views, cache, sampler, config, world)
        world.barrier()
        files[setting] = [OutputFile(path, header) for path, header in zip(paths, headers)]
    return StoredTeacher(teacher, files, lambda progress: _setting(config, progress), world.device)


def _setting(config: FinetuneConfig, progress: float, before: bool = False) -> tuple[int, str]:
    """Image size, and augmentation strengths as JSON, at a fraction of training, or just `before` it."""
    progress = progress * (1 - 1e-12) if before else progress
    return config.phase_at(progress).img_size, config.augment_at(progress).model_dump_json()


def _header(
    net: TeacherNet,
    setting: tuple[int, str],
    views: RepeatedViews,
    cache: PhotoCache,
    sampler: Sampler,
    config: FinetuneConfig,
    world: World,
) -> dict:
    """Everything the outputs depend on."""
    photos = hashlib.sha256(json.dumps([cache.fingerprint, cache.sha256, cache.sizes.tolist()]).encode())
    return {
        "version": VERSION,
        "teacher": net.checkpoint.sha256,
        "num_classes": len(net.checkpoint.classes),
        "features": net.embedding_dim(setting[0]) if config.learns_features else 0,
        "photos": photos.hexdigest(),
        "weights": sampler.sha256,
        "seed": config.seed,
        "views": views.num_views,
        "num_samples": views.num_samples,
        "square": config.square,
        "img_size": setting[0],
        "augment": json.loads(setting[1]),
        "device": world.device.type,  # whose random noise is added to views
    }


def _path(folder: Path, header: dict) -> Path:
    return folder / f"answers-{hashlib.sha256(json.dumps(header).encode()).hexdigest()[:16]}.bin"


def _store(net: TeacherNet, path: Path, header: dict, setting, views, cache, sampler, config, world: World) -> None:
    """Computes all outputs of a teacher in one setting, under a lock, as another training may need the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    from filelock import FileLock  # only needed for stored outputs

    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return
        if not partial.exists():
            OutputFile.create(partial, header)
        file = OutputFile(partial, header, writable=True)
        _fill(file, net, setting, views, cache, sampler, config, world)
        file.flush()
        del file  # Windows renames no file that is mapped
        os.replace(partial, path)


def _fill(file: OutputFile, net: TeacherNet, setting, views, cache, sampler, config, world: World) -> None:
    img_size, strengths = setting[0], AugmentConfig.model_validate_json(setting[1])
    compute = _computed_by(net, world)
    show = progress_bar(f"answers of {net.checkpoint.name} at {img_size} px")
    flushed = time.monotonic()
    for aspect in np.unique(views.aspects):
        own = np.flatnonzero((views.aspects == aspect) & (file.done == 0))
        for first in range(0, len(own), BLOCKS_AT_ONCE):
            blocks = own[first : first + BLOCKS_AT_ONCE]
            # Filled up to one shape of batches, each of which takes a graph of its own.
            samples = _samples_of(np.resize(blocks, BLOCKS_AT_ONCE))
            sides = sides_of(img_size, aspect)
            pictures = _pictures(cache, sampler, samples, sides, strengths, config.seed, world.device)
            count = len(blocks) * BLOCK
            file.write(blocks, *(output[:count] for output in compute(pictures)))
            show(int(file.done.sum()), file.num_blocks)
            if time.monotonic() - flushed > FLUSH_S:
                file.flush()
                flushed = time.monotonic()


def _pictures(
    cache: PhotoCache, sampler: Sampler, samples: np.ndarray, sides, strengths: AugmentConfig, seed: int, device
) -> Tensor:
    """Augmented views exactly as a training step makes them; mixing does not depend on the labels."""
    pictures = augment(cache, sampler(samples), samples, sides, strengths, seed, device)
    labels = torch.zeros(len(samples), dtype=torch.long, device=device)
    return mix(pictures, labels, samples, 1, strengths, seed)[0]


def _computed_by(net: TeacherNet, world: World) -> Callable[[Tensor], tuple[np.ndarray, np.ndarray]]:
    """Function from images to logits in the teacher's class order and pooled features: ONNX Runtime on a CPU, else
    torch.
    """
    if world.device.type == "cpu":
        session = OnnxSession(net.checkpoint, torch.get_num_threads())
        return lambda pictures: session(np.ascontiguousarray(pictures.numpy()))

    @torch.no_grad()
    def compute(pictures: Tensor) -> tuple[np.ndarray, np.ndarray]:
        logits, features = net.checkpoint.model.forward_embedding(net.normalize(pictures))
        return logits.float().cpu().numpy(), features.float().cpu().numpy()

    return compute


def _samples_of(blocks: np.ndarray) -> np.ndarray:
    return (blocks[:, None] * BLOCK + np.arange(BLOCK)).reshape(-1)


def _aligned(count: int) -> int:
    return -(-count // 4096) * 4096


def _num_bytes(header: dict) -> int:
    samples = header["num_samples"]
    return HEADER_BYTES + _aligned(samples // BLOCK) + samples * (4 * header["num_classes"] + 2 * header["features"])
