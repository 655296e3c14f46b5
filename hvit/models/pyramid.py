"""Feature pyramid network: a neck for detection and segmentation on the feature maps of an HViT."""

import torch.nn.functional as F
from torch import Tensor, nn


class PyramidNeck(nn.Module):
    """Feature pyramid network (Lin et al. 2017, arXiv:1612.03144) over `HViT.feature_maps`.

    Lateral 1x1 convolutions, a top-down path, and a 3x3 convolution on each sum. Without norms: the feature maps are
    normalized. Not part of the classifier.

    Args:
        in_dims: channels of the feature maps, finest first, for example `model.config.embed_dims`.
        out_dim: channels of every output.

    >>> import torch
    >>> neck = PyramidNeck((32, 64), out_dim=16)
    >>> [tuple(m.shape) for m in neck([torch.zeros(1, 32, 16, 16), torch.zeros(1, 64, 8, 8)])]
    [(1, 16, 16, 16), (1, 16, 8, 8)]
    """

    def __init__(self, in_dims: tuple[int, ...] | list[int], out_dim: int = 256):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(dim, out_dim, 1) for dim in in_dims)
        self.smooth = nn.ModuleList(nn.Conv2d(out_dim, out_dim, 3, padding=1) for _ in in_dims)
        for conv in (*self.lateral, *self.smooth):
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)

    def forward(self, feature_maps: list[Tensor]) -> list[Tensor]:
        """Feature maps (B, C_s, H_s, W_s), finest first -> as many (B, out_dim, H_s, W_s).

        Raises:
            ValueError: the number of maps is not that of `in_dims`.
        """
        if len(feature_maps) != len(self.lateral):
            raise ValueError(f"{len(feature_maps)} feature maps given, expected {len(self.lateral)}, finest first")
        maps = [conv(feature_map) for conv, feature_map in zip(self.lateral, feature_maps)]
        for finer in range(len(maps) - 2, -1, -1):
            coarser = F.interpolate(maps[finer + 1], maps[finer].shape[-2:], mode="nearest")
            maps[finer] = maps[finer] + coarser
        return [conv(feature_map) for conv, feature_map in zip(self.smooth, maps)]
