"""Segmentation head on the feature pyramid: background, leaf and symptom at every pixel of the model's input."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models.pyramid import PyramidNeck

CLASSES = ("background", "leaf", "symptom")
DETAIL_SCALE = 2  # side of the detail image over that of the backbone's input
MIN_DIM = 8


class SegmentationHead(nn.Module):
    """Semantic segmentation from a feature pyramid and the photo at twice the resolution.

    The maps of a `PyramidNeck` are resized to stride 4 and summed, as in the semantic branch of panoptic feature
    pyramid networks (Kirillov et al. 2019, arXiv:1901.02446). Two skip connections from shallow convolutions of the
    detail image then sharpen the outlines at strides 2 and 1, as in a U-Net (Ronneberger et al. 2015,
    arXiv:1505.04597). The backbone is not part of it: its feature maps serve classification and segmentation alike.

    Args:
        in_dims: channels of the backbone's four feature maps, finest first.
        dim: channels of the pyramid.
        detail_dim: channels of the skip connections at stride 2; half as many at stride 1.
        num_classes: 3, see `CLASSES`.

    >>> import torch
    >>> head = SegmentationHead((8, 8, 16, 16), dim=16, detail_dim=8)
    >>> maps = [torch.zeros(1, c, 64 // s, 96 // s) for c, s in zip((8, 8, 16, 16), (4, 8, 16, 32))]
    >>> head(maps, torch.zeros(1, 3, 128, 192)).shape
    torch.Size([1, 3, 64, 96])
    """

    def __init__(self, in_dims: Sequence[int], dim: int = 40, detail_dim: int = 20, num_classes: int = len(CLASSES)):
        super().__init__()
        if min(dim, detail_dim) < MIN_DIM or detail_dim % 2:
            raise ValueError(
                f"dim is {dim} and detail_dim {detail_dim}; both must be at least {MIN_DIM}, the last even"
            )
        fine = detail_dim // 2
        self.neck = PyramidNeck(tuple(in_dims), dim)
        self.detail1 = _conv(3, fine, stride=2)
        self.detail2 = _conv(fine, detail_dim, stride=2)
        self.reduce2 = nn.Conv2d(dim, detail_dim, 1)
        self.merge2 = _conv(2 * detail_dim, detail_dim)
        self.reduce1 = nn.Conv2d(detail_dim, fine, 1)
        self.merge1 = _conv(2 * fine, fine)
        self.classify = nn.Conv2d(fine, num_classes, 1)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides biases, that get no weight decay: none."""
        return set()

    def forward(self, feature_maps: list[Tensor], detail: Tensor) -> Tensor:
        """Computes logits.

        Args:
            feature_maps: of the backbone, (B, C_s, H/s, W/s) at strides 4, 8, 16 and 32.
            detail: the same photos at twice the backbone's resolution, normalized, (B, 3, 2H, 2W).
        Returns:
            (B, num_classes, H, W).
        Raises:
            ValueError: the sides of `detail` do not fit the feature maps.
        """
        height, width = (8 * side for side in feature_maps[0].shape[-2:])
        if tuple(detail.shape[-2:]) != (height, width):
            raise ValueError(f"detail is {tuple(detail.shape[-2:])} px, expected {(height, width)}: twice the input")
        fine = F.gelu(self.detail1(detail))
        half = F.gelu(self.detail2(fine))
        maps = self.neck(feature_maps)
        finest = maps[0]
        for coarser in maps[1:]:
            finest = finest + F.interpolate(coarser, finest.shape[-2:], mode="bilinear", align_corners=False)
        upsampled = _twice(self.reduce2(F.gelu(finest)))
        merged = F.gelu(self.merge2(torch.cat([upsampled, half], 1)))
        upsampled = _twice(self.reduce1(merged))
        merged = F.gelu(self.merge1(torch.cat([upsampled, fine], 1)))
        logits: Tensor = self.classify(merged)
        return logits


def _twice(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)


def _conv(in_dim: int, out_dim: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(in_dim, out_dim, 3, stride, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
