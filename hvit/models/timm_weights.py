"""Pretrained weights of timm models: from a file with any or with timm's parameter names, or from the model hub.

timm is imported when a model is built, which takes seconds; importing this file is free.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from hvit.files import file_sha256
from hvit.models.baselines import PREFIX, check_timm_name, import_timm
from hvit.models.pretrained import (
    COUNTER,
    PretrainedWeights,
    PretrainedWeightsError,
    has_origin,
    load_pretrained,
    match_state_dict,
    read_state_dict,
)
from hvit.weights_origin import UNKNOWN, Origin

# Data sets in the tags of timm's pretrained weights (`in12k_ft_in1k`).
DATA_SETS = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
}


def import_state_dict(
    path: Path,
    architecture: str,
    source: str | None = None,
    licence: str = UNKNOWN,
    trained_on: str = UNKNOWN,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> PretrainedWeights:
    """Reads a state dict and renames its tensors to those of a timm model; see `pretrained.match_state_dict`.

    Args:
        architecture: model the weights belong to, as timm:NAME.
        source: where the file was found; by default its name.
        mean, std: input normalization; by default timm's for this model.
    Raises:
        PretrainedWeightsError: the file cannot be read, or a tensor does not fit the model.
        ValueError: timm has no such model, or mean or std are out of range.
    """
    net = _net(architecture)
    tensors = match_state_dict(read_state_dict(path), net.state_dict())
    pretrained_cfg = net.pretrained_cfg
    origin = Origin(
        architecture=architecture,
        mean=_channels(pretrained_cfg["mean"] if mean is None else mean),
        std=_channels(pretrained_cfg["std"] if std is None else std),
        source=path.name if source is None else source,
        licence=licence,
        trained_on=trained_on,
        sha256=file_sha256(path),
    )
    return PretrainedWeights(tensors, origin)


def weights_from_file(path: Path, architecture: str) -> PretrainedWeights:
    """Reads weights of a timm model: a file of `training.import_weights`, or any state dict with timm's names.

    Of a state dict without a recorded origin the classifier is left out, and timm's input normalization is assumed.

    Args:
        architecture: model the weights must belong to, as timm:NAME.
    Raises:
        PretrainedWeightsError: the file cannot be read, or holds the weights of another architecture.
    """
    if has_origin(path):
        weights = load_pretrained(path)
        if weights.origin.architecture != architecture:
            raise PretrainedWeightsError(
                f"{path} holds weights of {weights.origin.architecture}; expected those of {architecture}"
            )
        return weights
    tensors, net = read_state_dict(path), _net(architecture)
    head = head_names(net)
    expected = {name: value for name, value in net.state_dict().items() if name not in head}
    missing = next((name for name in expected if name not in tensors and not name.endswith(COUNTER)), None)
    if missing is not None:
        raise PretrainedWeightsError(
            f"{path} has no tensor {missing} of {architecture}; if it has other names for them, import it first: "
            f"python -m training.import_weights {path} --as {architecture} --out FILE.safetensors"
        )
    try:
        tensors = match_state_dict({name: value for name, value in tensors.items() if name not in head}, expected)
    except PretrainedWeightsError as error:
        raise PretrainedWeightsError(f"{path}: {error}") from None
    cfg = net.pretrained_cfg
    origin = Origin(
        architecture, _channels(cfg["mean"]), _channels(cfg["std"]), path.name, UNKNOWN, UNKNOWN, file_sha256(path)
    )
    return PretrainedWeights(tensors, origin)


def weights_from_hub(architecture: str) -> PretrainedWeights:
    """Downloads timm's pretrained weights of a model, as `timm.create_model(NAME, pretrained=True)` does.

    An earlier download is read from the cache.

    Raises:
        PretrainedWeightsError: timm has none for this model, or they cannot be downloaded.
    """
    check_hub_weights(architecture)
    name = architecture.removeprefix(PREFIX)
    try:
        net = import_timm().create_model(name, pretrained=True)
    except _download_errors() as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PretrainedWeightsError(
            f"timm's weights of {name} cannot be downloaded ({reason}); without a network name a file: see "
            "python -m training.import_weights --help"
        ) from None
    cfg, tensors = net.pretrained_cfg, net.state_dict()
    origin = Origin(
        architecture=architecture,
        mean=_channels(cfg["mean"]),
        std=_channels(cfg["std"]),
        source=f"{cfg.get('hf_hub_id') or cfg.get('url')}, through timm {import_timm().__version__}",
        licence=cfg.get("license") or UNKNOWN,
        trained_on=pretraining_data(cfg.get("tag") or ""),
        sha256=hashlib.sha256(save({key: value.clone() for key, value in tensors.items()})).hexdigest(),
    )
    return PretrainedWeights(tensors, origin)


def check_hub_weights(architecture: str) -> None:
    """Checks, without network access, that timm has pretrained weights of a model.

    Raises:
        PretrainedWeightsError: it has none; the message names related models that have.
    """
    timm, name = import_timm(), architecture.removeprefix(PREFIX)
    if timm.is_model_pretrained(name):
        return
    others = timm.list_pretrained(f"{name.split('_')[0]}*")[:3]
    hint = f"it has those of {', '.join(others)}" if others else "choose another model, or name a file"
    raise PretrainedWeightsError(f"timm has no pretrained weights of {name}; {hint}")


def pretraining_data(tag: str) -> str:
    """Pretraining data sets in a tag of timm: `in12k_ft_in1k` -> `ImageNet-12k, then ImageNet-1k`."""
    return ", then ".join(DATA_SETS[word] for word in tag.split("_") if word in DATA_SETS) or UNKNOWN


def head_names(net: Any) -> set[str]:
    """Names of the classifier's parameters in a timm model."""
    head = {id(parameter) for parameter in net.get_classifier().parameters()}
    return {name for name, parameter in net.named_parameters() if id(parameter) in head}


def _net(architecture: str) -> Any:
    """Builds the timm model with the image size and classifier it was published with."""
    if not architecture.startswith(PREFIX):
        raise ValueError(f"{architecture} is no timm model; expected, for example, timm:tf_efficientnet_lite0")
    check_timm_name(architecture)
    return import_timm().create_model(architecture.removeprefix(PREFIX))


def to_float16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Casts weights to float16, except batch norm statistics and tensors outside its range."""
    return {name: _to_float16(name, value) for name, value in tensors.items()}


def _to_float16(name: str, value: Tensor) -> Tensor:
    if not value.is_floating_point() or "running_" in name:
        return value
    half = value.half()
    return half if half.isfinite().all() else value


def _channels(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _download_errors() -> tuple[type[Exception], ...]:
    """Exception types of a download: huggingface_hub passes on those of its HTTP client, which differs by release."""
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, RuntimeError, ValueError, *(b for b in HfHubHTTPError.__bases__ if issubclass(b, Exception)))
