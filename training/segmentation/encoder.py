"""A timm encoder that learns together with the segmentation head: the baseline of the frozen backbone."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from hvit.data.preprocess import Preprocessing
from hvit.models.baselines import Baseline, import_timm
from hvit.models.layers import for_convolution
from hvit.models.pretrained import PretrainedWeights
from hvit.models.segmentation import DETAIL_SCALE, SegmentationHead
from hvit.models.timm_weights import weights_from_file, weights_from_hub
from training.config import ConfigError
from training.config.model import EncoderSection, SegmentationHeadConfig

STRIDES = [4, 8, 16, 32]


class TimmEncoder(nn.Module):
    """Convolutional network of timm as an encoder with feature maps at strides 4, 8, 16 and 32.

    Batch norm keeps the running statistics of the pretrained weights, so results do not depend on the batch.

    Args:
        baseline: its weights are taken over; the classifier is removed.
    Raises:
        ValueError: the model has no feature maps at these strides.
    """

    def __init__(self, baseline: Baseline):
        super().__init__()
        self._indices = baseline.stage_indices
        strides = [baseline.net.feature_info[index]["reduction"] for index in self._indices]
        if strides != STRIDES:
            raise ValueError(
                f"timm:{baseline.name} has feature maps at strides {strides}, expected {STRIDES}; choose another"
            )
        self.dims = baseline.stage_dims()
        self.net = import_timm().layers.freeze_batch_norm_2d(baseline.net)
        self.net.reset_classifier(0)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Normalized RGB (B, 3, H, W) -> maps (B, C_s, H/s, W/s) at strides 4, 8, 16 and 32."""
        maps: list[Tensor] = self.net.forward_intermediates(
            for_convolution(images), indices=self._indices, intermediates_only=True
        )
        return maps


class EncoderDecoder(nn.Module):
    """Encoder and segmentation head, trained end to end.

    Args:
        encoder: its maps feed the head.
        head: decoder; see `SegmentationHead`.
    """

    def __init__(self, encoder: TimmEncoder, head: SegmentationHead):
        super().__init__()
        self.encoder, self.head = encoder, head

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides biases, that get no weight decay: none."""
        return set()

    def forward(self, detail: Tensor) -> Tensor:
        """Normalized photos at twice the encoder's resolution, (B, 3, 2H, 2W) -> logits (B, 3, H, W)."""
        logits: Tensor = self.head(self.encoder.feature_maps(F.avg_pool2d(detail, DETAIL_SCALE)), detail)
        return logits


def build_encoder_decoder(
    encoder: EncoderSection, head: SegmentationHeadConfig, preprocessing: Preprocessing
) -> tuple[EncoderDecoder, Preprocessing]:
    """Builds the baseline with its pretrained weights.

    Args:
        preprocessing: of the run it is compared with: image size and resizing are taken from it.
    Returns:
        The network, and the preprocessing with the input normalization of its weights.
    Raises:
        ConfigError: the model is unsuitable, or the weights are not those of the model.
    """
    try:
        baseline = Baseline(encoder.name.removeprefix("timm:"), img_size=preprocessing.img_size)
        if encoder.weights is not None:
            weights = _pretrained(encoder)
            baseline.load_timm_weights(weights.tensors)
            preprocessing = replace(preprocessing, mean=weights.origin.mean, std=weights.origin.std)
        net = TimmEncoder(baseline)
    except (ValueError, OSError) as error:
        raise ConfigError(f"encoder: {error}") from None
    return EncoderDecoder(net, SegmentationHead(net.dims, **head.model_dump())), preprocessing


def _pretrained(encoder: EncoderSection) -> PretrainedWeights:
    if isinstance(encoder.weights, Path):
        return weights_from_file(encoder.weights, encoder.name)
    return weights_from_hub(encoder.name)
