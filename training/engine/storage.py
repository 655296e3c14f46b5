"""Durable writing of tensors and files, with errors that name the file."""

import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from hvit.files import file_sha256


class StorageError(OSError):
    """A file could not be written."""


def save_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Writes a safetensors file.

    Raises:
        StorageError: it could not be written.
    """
    try:
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, path)
    except SafetensorError as error:
        raise StorageError(f"{path.name}: {error}") from None


def save_weights(path: Path, model: nn.Module) -> str:
    """Writes the weights of a model atomically; returns the SHA-256 of the file.

    Raises:
        StorageError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".partial-{os.getpid()}"
    save_tensors(temporary, model.state_dict())
    os.replace(temporary, path)
    return file_sha256(path)


def remove_and_create(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def remove(path: Path) -> None:
    """Removes a file; a failure is printed and does not end training."""
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        print(f"{path} cannot be removed ({error.strerror or error}); training goes on", file=sys.stderr, flush=True)


def flush(path: Path) -> None:
    """Syncs a file or a directory to disk, so that a crash of the machine loses nothing."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
