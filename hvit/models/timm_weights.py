"""Pretrained weights of timm's models: from a file with any names, from a file with timm's names, or from its hub.

timm is imported when a model is built, which takes seconds; importing this file is free.
"""

import hashlib
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from hvit.files import file_sha256
from hvit.models.baselines import PREFIX, check_timm_name, import_timm
from hvit.models.pretrained import (
    COUNTER,
    UNKNOWN,
    Origin,
    PretrainedWeights,
    PretrainedWeightsError,
    has_origin,
    load_pretrained,
    read_state_dict,
    renamed,
)

# Words of timm's tags (`in12k_ft_in1k`) for what a model was trained on.
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
    """Reads a foreign state dict and gives its tensors the names of a timm model; see `pretrained.renamed`.

    Args:
        architecture: model the weights belong to, as timm:NAME.
        source: where the file was found; its name if None.
        mean, std: normalization their input expects; what timm says of this model if None.
    Raises:
        PretrainedWeightsError: the file cannot be read, or a tensor does not fit the model.
        ValueError: timm has no such model, or mean or std are out of range.
    """
    net = _net(architecture)
    tensors = renamed(read_state_dict(path), net.state_dict())
    expects = net.pretrained_cfg
    origin = Origin(
        architecture=architecture,
        mean=tuple(expects["mean"] if mean is None else mean),
        std=tuple(expects["std"] if std is None else std),
        source=path.name if source is None else source,
        licence=licence,
        trained_on=trained_on,
        sha256=file_sha256(path),
    )
    return PretrainedWeights(tensors, origin)


def weights_from_file(path: Path, architecture: str) -> PretrainedWeights:
    """Reads weights of a timm model: a file of `training.import_weights`, or any state dict with timm's names.

    Of a state dict without an origin the classifier is left out, and timm says which normalization its model expects.

    Args:
        architecture: model the weights must belong to, as timm:NAME.
    Raises:
        PretrainedWeightsError: the file cannot be read, or holds the weights of another net.
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
    lacking = next((name for name in expected if name not in tensors and not name.endswith(COUNTER)), None)
    if lacking is not None:
        raise PretrainedWeightsError(
            f"{path} has no tensor {lacking} of {architecture}; if it has other names for them, import it first: "
            f"python -m training.import_weights {path} --as {architecture} --out FILE.safetensors"
        )
    try:
        tensors = renamed({name: value for name, value in tensors.items() if name not in head}, expected)
    except PretrainedWeightsError as error:
        raise PretrainedWeightsError(f"{path}: {error}") from None
    cfg = net.pretrained_cfg
    origin = Origin(architecture, tuple(cfg["mean"]), tuple(cfg["std"]), path.name, UNKNOWN, UNKNOWN, file_sha256(path))
    return PretrainedWeights(tensors, origin)


def weights_from_hub(architecture: str) -> PretrainedWeights:
    """Downloads timm's own pretrained weights of a model, as `timm.create_model(NAME, pretrained=True)` does.

    They come from the cache of an earlier download where there is one.

    Raises:
        PretrainedWeightsError: timm has none for this model, or they cannot be downloaded.
    """
    from huggingface_hub.errors import HfHubHTTPError

    check_hub_weights(architecture)
    name = architecture.removeprefix(PREFIX)
    try:
        net = import_timm().create_model(name, pretrained=True)
    # The bases: huggingface_hub lets errors of its HTTP client through, which is another one in each release.
    except (OSError, RuntimeError, ValueError, *HfHubHTTPError.__bases__) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PretrainedWeightsError(
            f"timm's weights of {name} cannot be downloaded ({reason}); without a network name a file: see "
            "python -m training.import_weights --help"
        ) from None
    cfg, tensors = net.pretrained_cfg, net.state_dict()
    origin = Origin(
        architecture=architecture,
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
        source=f"{cfg.get('hf_hub_id') or cfg.get('url')}, through timm {import_timm().__version__}",
        licence=cfg.get("license") or UNKNOWN,
        trained_on=data_set_of(cfg.get("tag") or ""),
        sha256=hashlib.sha256(save({key: value.clone() for key, value in tensors.items()})).hexdigest(),
    )
    return PretrainedWeights(tensors, origin)


def check_hub_weights(architecture: str) -> None:
    """Checks, without a network, that timm has pretrained weights of a model.

    Raises:
        PretrainedWeightsError: it has none; names models of that kind that have.
    """
    timm, name = import_timm(), architecture.removeprefix(PREFIX)
    if timm.is_model_pretrained(name):
        return
    others = timm.list_pretrained(f"{name.split('_')[0]}*")[:3]
    hint = f"it has those of {', '.join(others)}" if others else "choose another model, or name a file"
    raise PretrainedWeightsError(f"timm has no pretrained weights of {name}; {hint}")


def data_set_of(tag: str) -> str:
    """Training data that a tag of timm's names: `in12k_ft_in1k` -> `ImageNet-12k, then ImageNet-1k`."""
    return ", then ".join(DATA_SETS[word] for word in tag.split("_") if word in DATA_SETS) or UNKNOWN


def head_names(net: nn.Module) -> set[str]:
    """Names of the classifier's tensors in the state dict of a timm model."""
    head = {id(parameter) for parameter in net.get_classifier().parameters()}
    return {name for name, parameter in net.named_parameters() if id(parameter) in head}


def _net(architecture: str) -> nn.Module:
    """The timm model at the size and with the classifier that it was published with."""
    if not architecture.startswith(PREFIX):
        raise ValueError(f"{architecture} is no model of timm's; expected, for example, timm:tf_efficientnet_lite0")
    check_timm_name(architecture)
    return import_timm().create_model(architecture.removeprefix(PREFIX))


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as float16, but for statistics of batch norm and whatever else float16 cannot hold."""
    return {name: _halved(name, value) for name, value in tensors.items()}


def _halved(name: str, value: Tensor) -> Tensor:
    if not value.is_floating_point() or "running_" in name:
        return value
    half = value.half()
    return half if half.isfinite().all() else value
