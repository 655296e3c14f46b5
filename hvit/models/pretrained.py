"""Pretrained weights: a state dict with timm's parameter names, its input normalization and its origin."""

import json
import pickle
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hvit.files import write_bytes
from hvit.weights_origin import Origin

METADATA = "pretrained"  # key of the safetensors header
LEAVES = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}  # last parts of tensor names
COUNTER = ".num_batches_tracked"

# Exceptions of PyTorch's restricted unpickler for truncated or damaged files.
DAMAGE = (
    pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, struct.error,
)  # fmt: skip


class PretrainedWeightsError(ValueError):
    """Pretrained weights that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class PretrainedWeights:
    """A state dict with timm's parameter names, and its origin."""

    tensors: dict[str, Tensor]
    origin: Origin


def save_pretrained(path: Path, weights: PretrainedWeights) -> None:
    """Writes tensors and origin as one safetensors file, atomically."""
    # Copies: safetensors refuses tensors that share memory.
    tensors = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in weights.tensors.items()
    }
    write_bytes(path, save(tensors, metadata={METADATA: json.dumps(weights.origin.to_dict())}))


def has_origin(path: Path) -> bool:
    """Whether a file was written by `save_pretrained`; False for any other or damaged file."""
    try:
        with safe_open(path, "pt") as file:
            return METADATA in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_pretrained(path: Path) -> PretrainedWeights:
    """Reads a file of `save_pretrained`; floating-point tensors as float32.

    Raises:
        PretrainedWeightsError: the file is missing, damaged, or was not written by `training.import_weights`.
    """
    hint = "make it with python -m training.import_weights"
    tensors = read_state_dict(path)
    if not has_origin(path):
        raise PretrainedWeightsError(f"{path} has no record of where its weights came from; {hint}")
    with safe_open(path, "pt") as file:
        header = (file.metadata() or {})[METADATA]
    try:
        origin = Origin.from_dict(json.loads(header))
    except ValueError as error:
        raise PretrainedWeightsError(f"{path} has a damaged header ({error}); {hint}") from None
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    return PretrainedWeights(tensors, origin)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Reads a state dict from a safetensors or `torch.save` file; pickled code is never executed.

    Raises:
        PretrainedWeightsError: the file is missing, truncated, contains code, or holds no state dict.
    """
    if not path.is_file():
        raise PretrainedWeightsError(f"no file of weights {path}")
    values: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    for key in ("state_dict", "model"):  # as training scripts wrap it
        if isinstance(values, dict) and isinstance(values.get(key), dict):
            values = values[key]
    if not isinstance(values, dict) or not values or not all(_is_named_tensor(*item) for item in values.items()):
        raise PretrainedWeightsError(f"{path} holds no state dict; expected a dictionary of names with dense tensors")
    tensors: dict[str, Tensor] = values
    return tensors


def _is_named_tensor(name: object, value: object) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, Tensor)
        and value.layout is torch.strided
        and not value.is_quantized
        and value.device.type == "cpu"
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PretrainedWeightsError(
            f"{path} is truncated, damaged or no safetensors file ({reason}); get it again"
        ) from None


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):  # about unknown pickle protocols, in damaged files
            return torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        # torch's messages: "unsupported GLOBAL posix.system whose ..." or "Unsupported global: GLOBAL a.B was ...".
        code = re.search(r"GLOBAL ((?:\w+\.)+\w+)\s", str(error))
        if code is not None and not _is_cut_in(path, code[1].rpartition(".")[2]):
            raise PretrainedWeightsError(
                f"{path} holds code or objects beside weights ({code[1]}), which are never loaded; save a state dict "
                "alone: torch.save(model.state_dict(), FILE)"
            ) from None
        raise PretrainedWeightsError(
            f"{path} is truncated, damaged or no file of torch.save ({type(error).__name__}); get it again"
        ) from None


def _is_cut_in(path: Path, name: str) -> bool:
    """Whether a truncated file ends within this name: the unpickler then drops the last byte of the name."""
    return path.read_bytes()[:-1].endswith(name.encode())


def match_state_dict(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames the tensors of a state dict to the names of a model: by name, else by order with every shape checked.

    Args:
        tensors: state dict to rename.
        expected: state dict of the model; its `num_batches_tracked` counters may be missing in `tensors`.
    Returns:
        A state dict with the names, order and dtypes of `expected`.
    Raises:
        PretrainedWeightsError: a tensor does not fit; the message names the first.
    """
    if not any(name.endswith(COUNTER) for name in tensors):  # old files have none
        counters = {name: value for name, value in expected.items() if name.endswith(COUNTER)}
        tensors = tensors | counters
    rest = iter([name for name in tensors if name not in expected])
    matched = {}
    for name, own in expected.items():
        other = name if name in tensors else next(rest, None)
        if other is None:
            raise PretrainedWeightsError(
                f"the file has no tensor for {name} of the model; they belong to different architectures"
            )
        _check_fit(name, own, other, tensors[other])
        matched[name] = tensors[other].to(own.dtype)
    if (left := next(rest, None)) is not None:
        raise PretrainedWeightsError(
            f"the file holds {len(tensors)} tensors and the model {len(expected)}: {left} has no place in it; they "
            "belong to different architectures"
        )
    return matched


def _check_fit(name: str, own: Tensor, other: str, value: Tensor) -> None:
    if value.shape != own.shape:
        raise PretrainedWeightsError(
            f"{other} is {tuple(value.shape)}, and {name} of the model {tuple(own.shape)}; they belong to different "
            "architectures"
        )
    # By order alone, weight and bias of a batch norm could be swapped: their shapes are the same.
    ends = other.rpartition(".")[2], name.rpartition(".")[2]
    if ends[0] != ends[1] and LEAVES.issuperset(ends):
        raise PretrainedWeightsError(f"{other} comes where the model has {name}; the file is in another order")
    if value.is_floating_point() != own.is_floating_point() or value.is_complex():
        raise PretrainedWeightsError(f"{other} is {value.dtype}, and {name} of the model {own.dtype}")
    if not torch.isfinite(value).all():
        raise PretrainedWeightsError(f"{other} holds values that are not finite; get the file again")
