"""Weights from outside: a state dict by timm's names, with the normalization it expects and where it came from."""

import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hvit.files import write_bytes

METADATA = "pretrained"  # key of the safetensors header


class PretrainedWeightsError(ValueError):
    """Weights that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Origin:
    """Where weights came from, as `model.json` records it.

    Attributes:
        architecture: model they belong to, for example "timm:tf_efficientnet_lite0".
        mean, std: normalization their input expects, a channel, in [0, 1].
        source: where the file was found, in words.
        licence: of the weights.
        trained_on: data set they learned from.
        sha256: of the file they were imported from.
    """

    architecture: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    licence: str
    trained_on: str
    sha256: str

    def to_dict(self) -> dict:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict) -> "Origin":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a key is missing or unknown.
        """
        if set(values) != set(cls.__dataclass_fields__):
            raise ValueError(f"origin of weights has {sorted(values)}, expected {sorted(cls.__dataclass_fields__)}")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True)
class PretrainedWeights:
    """Tensors by timm's names, and their origin."""

    tensors: dict[str, Tensor]
    origin: Origin


def save_pretrained(path: Path, weights: PretrainedWeights) -> None:
    """Writes tensors and origin as one safetensors file, whole or not at all."""
    tensors = {name: value.contiguous() for name, value in weights.tensors.items()}
    write_bytes(path, save(tensors, metadata={METADATA: json.dumps(weights.origin.to_dict())}))


def load_pretrained(path: Path) -> PretrainedWeights:
    """Reads what `training.import_weights` wrote.

    Raises:
        PretrainedWeightsError: there is no such file, it is damaged, or was not made by `training.import_weights`.
    """
    hint = "make it with python -m training.import_weights"
    if not path.is_file():
        raise PretrainedWeightsError(f"no file of weights {path}; {hint}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(path)
    except SafetensorError as error:
        raise PretrainedWeightsError(f"{path} is not a safetensors file ({error}); {hint}") from None
    if METADATA not in metadata:
        raise PretrainedWeightsError(f"{path} does not say where its weights came from; {hint}")
    try:
        origin = Origin.from_dict(json.loads(metadata[METADATA]))
    except (TypeError, ValueError) as error:
        raise PretrainedWeightsError(f"{path} has a damaged header ({error}); {hint}") from None
    return PretrainedWeights({name: value.float() if value.is_floating_point() else value
                              for name, value in tensors.items()}, origin)  # fmt: skip


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from a safetensors file or from a file of `torch.save`; nothing in it is executed.

    Raises:
        PretrainedWeightsError: the file is missing, truncated, holds code, or is no state dict.
    """
    if not path.is_file():
        raise PretrainedWeightsError(f"no file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise PretrainedWeightsError(f"{path} holds more than weights, or is damaged: {reason}") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise PretrainedWeightsError(f"{path} is damaged or no file of weights: {str(error).splitlines()[0]}") from None
    for key in ("state_dict", "model"):  # as training scripts wrap it
        if isinstance(values, dict) and isinstance(values.get(key), dict):
            values = values[key]
    if not isinstance(values, dict) or not values or not all(isinstance(v, Tensor) for v in values.values()):
        raise PretrainedWeightsError(f"{path} holds no state dict: expected names with tensors")
    return values


def renamed(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Foreign tensors under the names of a model: by name where names agree, else by order with every shape checked.

    Args:
        tensors: foreign state dict.
        expected: state dict of the model.
    Raises:
        PretrainedWeightsError: a tensor does not fit; names the first.
    """
    by_name = set(expected) <= set(tensors)
    if not by_name and len(tensors) != len(expected):
        raise PretrainedWeightsError(
            f"the file holds {len(tensors)} tensors and the model {len(expected)}; they belong to different nets"
        )
    pairs = [(name, name) for name in expected] if by_name else list(zip(expected, tensors))
    for name, foreign in pairs:
        if expected[name].shape != tensors[foreign].shape:
            raise PretrainedWeightsError(
                f"{foreign} is {tuple(tensors[foreign].shape)}, and {name} of the model {tuple(expected[name].shape)}; "
                "they belong to different nets"
            )
    return {name: tensors[foreign] for name, foreign in pairs}
