"""Folds the batch norms of timm's EfficientNet-Lite into its convolutions."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from hvit.models.conv_front import FrontConfig

BATCH_NORM_EPS = 1e-3  # of the TensorFlow weights that timm's tf_efficientnet_lite* hold


def folded_tensors(config: FrontConfig, tensors: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Folds timm's batch norms into its convolutions: weight and bias of each convolution in order.

    A convolution with weight w and a batch norm (scale g, shift b, mean m, variance v) equal one convolution with
    weight w g / sqrt(v + eps) and bias b - m g / sqrt(v + eps).

    Args:
        tensors: of the timm model `config.source`, by name.
    Raises:
        ValueError: a tensor is missing.
    """
    pairs = [("conv_stem", "bn1")]
    for i, group in enumerate(config.groups):
        for j in range(group.repeats):
            names = [("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")]
            names = names if group.expansion > 1 else [("conv_dw", "bn1"), ("conv_pw", "bn2")]
            pairs += [(f"blocks.{i}.{j}.{conv}", f"blocks.{i}.{j}.{norm}") for conv, norm in names]
    for conv, norm in pairs:
        needed = [f"{conv}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))]
        if missing := [name for name in needed if name not in tensors]:
            raise ValueError(f"the weights have no {missing[0]}; expected those of {config.source}")
        weight, scale, shift, mean, variance = (tensors[name].double() for name in needed)
        scale = scale / (variance + BATCH_NORM_EPS).sqrt()
        yield weight * scale[:, None, None, None], shift - mean * scale
