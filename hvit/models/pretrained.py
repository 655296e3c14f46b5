"""Pretrained weights: a state dict by timm's names, with the normalization it expects and where it came from."""

import json
import math
import pickle
import re
import struct
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hvit.files import write_bytes

METADATA = "pretrained"  # key of the safetensors header
UNKNOWN = "unknown"
LEAVES = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}  # names PyTorch gives to tensors
COUNTER = ".num_batches_tracked"

# What PyTorch's restricted unpickler raises on a file that is cut short or whose bytes were changed.
DAMAGE = (
    pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, struct.error,
)  # fmt: skip


class PretrainedWeightsError(ValueError):
    """Weights that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Origin:
    """Where weights came from, as `model.json` records it.

    Attributes:
        architecture: model they belong to, for example "timm:tf_efficientnet_lite0".
        mean, std: normalization their input expects, one number a channel, in [0, 1].
        source: where the file was found, in words.
        licence: of the weights, "unknown" where nobody said.
        trained_on: data set they learned from, "unknown" where nobody said.
        sha256: of the file they were imported from; of weights that timm downloaded, of their tensors as safetensors.
    Raises:
        ValueError: a value is of another type or out of range.
    """

    architecture: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    licence: str
    trained_on: str
    sha256: str

    def __post_init__(self):
        for key in ("architecture", "source", "licence", "trained_on"):
            value = getattr(self, key)
            if not isinstance(value, str) or not 0 < len(value) <= 1000:
                raise ValueError(f"{key} is {value!r:.80}; expected up to 1,000 characters of text")
        for key, least in (("mean", 0.0), ("std", 1e-3)):
            _check_channels(key, getattr(self, key), least)
        if not isinstance(self.sha256, str) or not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"sha256 is {self.sha256!r:.80}; expected 64 hexadecimal digits")

    def to_dict(self) -> dict:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict) -> "Origin":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a key is missing or unknown, or a value is of another type or out of range.
        """
        if not isinstance(values, dict) or set(values) != set(cls.__dataclass_fields__):
            found = sorted(values) if isinstance(values, dict) else f"{values!r:.80}"
            raise ValueError(f"origin of weights is {found}, expected {sorted(cls.__dataclass_fields__)}")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _check_channels(key: str, values: tuple, least: float) -> None:
    are_numbers = isinstance(values, tuple) and len(values) == 3 and all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )  # fmt: skip
    if not are_numbers or not all(least <= value <= 1 for value in values):
        raise ValueError(f"{key} is {values!r:.80}; expected three numbers from {least:g} to 1, of pixels in [0, 1]")


@dataclass(frozen=True)
class PretrainedWeights:
    """Tensors by timm's names, and their origin."""

    tensors: dict[str, Tensor]
    origin: Origin


def save_pretrained(path: Path, weights: PretrainedWeights) -> None:
    """Writes tensors and origin as one safetensors file, whole or not at all."""
    # Copies: safetensors refuses tensors that are views of one memory.
    tensors = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in weights.tensors.items()
    }
    write_bytes(path, save(tensors, metadata={METADATA: json.dumps(weights.origin.to_dict())}))


def has_origin(path: Path) -> bool:
    """Whether a file is one of `save_pretrained`; False for any other, damaged ones too."""
    try:
        with safe_open(path, "pt") as file:
            return METADATA in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_pretrained(path: Path) -> PretrainedWeights:
    """Reads what `save_pretrained` wrote; floating-point tensors as float32.

    Raises:
        PretrainedWeightsError: there is no such file, it is damaged, or was not made by `training.import_weights`.
    """
    hint = "make it with python -m training.import_weights"
    tensors = read_state_dict(path)
    if not has_origin(path):
        raise PretrainedWeightsError(f"{path} does not say where its weights came from; {hint}")
    with safe_open(path, "pt") as file:
        header = file.metadata()[METADATA]
    try:
        origin = Origin.from_dict(json.loads(header))
    except ValueError as error:
        raise PretrainedWeightsError(f"{path} has a damaged header ({error}); {hint}") from None
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    return PretrainedWeights(tensors, origin)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from a safetensors file or from a file of `torch.save`; nothing in it is executed.

    Raises:
        PretrainedWeightsError: the file is missing, truncated, holds code, or is no state dict.
    """
    if not path.is_file():
        raise PretrainedWeightsError(f"no file of weights {path}")
    values = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    for key in ("state_dict", "model"):  # as training scripts wrap it
        if isinstance(values, dict) and isinstance(values.get(key), dict):
            values = values[key]
    if not isinstance(values, dict) or not values or not all(_is_named_tensor(*item) for item in values.items()):
        raise PretrainedWeightsError(f"{path} holds no state dict; expected a dictionary of names with dense tensors")
    return values


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
        with warnings.catch_warnings(action="ignore"):  # of odd pickle protocols, in damaged files
            return torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        # PyTorch says "unsupported GLOBAL posix.system whose module ..." or "Unsupported global: GLOBAL a.B was ...".
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
    """Whether a file ends in this name: the unpickler takes it for a whole one, less its last byte."""
    return path.read_bytes()[:-1].endswith(name.encode())


def renamed(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Foreign tensors under the names of a model: by name where names agree, else by order with every shape checked.

    Args:
        tensors: foreign state dict.
        expected: state dict of the model, whose counters of batch norm may lack in the foreign one.
    Returns:
        As many as the model has, in its order and its types.
    Raises:
        PretrainedWeightsError: a tensor does not fit; names the first.
    """
    if not any(name.endswith(COUNTER) for name in tensors):  # old files have none
        counters = {name: value for name, value in expected.items() if name.endswith(COUNTER)}
        tensors = tensors | counters
    rest = iter([name for name in tensors if name not in expected])
    pairs = [(name, name if name in tensors else next(rest, None)) for name in expected]
    for name, foreign in pairs:
        _check_fit(name, expected[name], foreign, None if foreign is None else tensors[foreign])
    if (left := next(rest, None)) is not None:
        raise PretrainedWeightsError(
            f"the file holds {len(tensors)} tensors and the model {len(expected)}: {left} has no place in it; they "
            "belong to different nets"
        )
    return {name: tensors[foreign].to(expected[name].dtype) for name, foreign in pairs}


def _check_fit(name: str, own: Tensor, foreign: str | None, value: Tensor | None) -> None:
    if foreign is None:
        raise PretrainedWeightsError(f"the file has no tensor for {name} of the model; they belong to different nets")
    if value.shape != own.shape:
        raise PretrainedWeightsError(
            f"{foreign} is {tuple(value.shape)}, and {name} of the model {tuple(own.shape)}; they belong to different "
            "nets"
        )
    # By order alone a weight and a bias of one batch norm could change places: their shapes are the same.
    ends = foreign.rpartition(".")[2], name.rpartition(".")[2]
    if ends[0] != ends[1] and LEAVES.issuperset(ends):
        raise PretrainedWeightsError(f"{foreign} comes where the model has {name}; the file is in another order")
    if value.is_floating_point() != own.is_floating_point() or value.is_complex():
        raise PretrainedWeightsError(f"{foreign} is {value.dtype}, and {name} of the model {own.dtype}")
    if not torch.isfinite(value).all():
        raise PretrainedWeightsError(f"{foreign} holds values that are not finite; get the file again")
