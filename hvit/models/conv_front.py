"""Convolutional stages of the `_conv` sizes: EfficientNet-Lite up to stride 16, with batch norms folded in.

Inverted residual blocks (Sandler et al. 2018, arXiv:1801.04381) with the widths of EfficientNet-Lite, so that they can
start from its ImageNet weights. There is no norm: the batch norms of pretrained weights are folded into the
convolutions when they are loaded (`folded_tensors`), so that no batch statistics change in training, and DDP,
accumulation and resume stay exact.

On the CPU, feature maps (B, C, H, W) are channels-last in memory, as tokens (B, H, W, C) are.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models.layers import DropPath, for_convolution


@dataclass(frozen=True)
class BlockGroup:
    """A sequence of inverted residual blocks; the first one has the stride.

    Args:
        kernel: kernel size of the depthwise convolution.
        stride: 1 or 2.
        expansion: hidden channels as a multiple of the input; 1 for no expansion layer.
        channels: output channels.
        repeats: number of blocks.
    """

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


@dataclass(frozen=True)
class FrontConfig:
    """Stem and five groups of blocks down to stride 16: the stem and groups 1, 2 and 3 have stride 2.

    Args:
        source: the timm model whose pretrained weights fit.
        stem_chans: channels of the first convolution.
        groups: in order.
    """

    source: str
    stem_chans: int
    groups: tuple[BlockGroup, BlockGroup, BlockGroup, BlockGroup, BlockGroup]


def _efficientnet_lite(name: str, channels: tuple[int, ...], repeats: tuple[int, ...]) -> FrontConfig:
    shapes = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6))  # kernel, stride, expansion
    a, b, c, d, e = (BlockGroup(*shape, C, n) for shape, C, n in zip(shapes, channels, repeats, strict=True))
    return FrontConfig(f"timm:tf_{name}", 32, (a, b, c, d, e))


# EfficientNet (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation and swish: TensorFlow's Lite models.
FRONTS = {
    "efficientnet_lite0": _efficientnet_lite("efficientnet_lite0", (16, 24, 40, 80, 112), (1, 2, 2, 3, 3)),
    "efficientnet_lite2": _efficientnet_lite("efficientnet_lite2", (16, 24, 48, 88, 120), (1, 3, 3, 4, 4)),
}


@dataclass(frozen=True)
class ReceptiveField:
    """Contribution of each input position to each output position of a convolution, as shares.

    Attributes:
        weights: (B, H, W, kernel * kernel), in row-major order of the kernel; non-negative, summing to 1 over the last
            axis; 0 beyond the border.
        stride: of the convolution.
        pad_before: padding at the left and at the top.
    """

    weights: Tensor
    stride: int
    pad_before: int

    @property
    def kernel(self) -> int:
        """Kernel size."""
        return math.isqrt(self.weights.shape[-1])

    def to_inputs(self, share: Tensor) -> Tensor:
        """Shares of outputs (B, H, W, Q) -> shares of inputs (B, stride*H, stride*W, Q), with the same sums."""
        B, H, W, Q = share.shape
        taps = self.weights.float().reshape(B, 1, H * W, -1).mT
        taps = share.reshape(B, H * W, Q).transpose(1, 2)[:, :, None] * taps
        sides = (self.stride * H, self.stride * W)
        padded = [max(self.stride * (n - 1) + self.kernel, self.stride * n + self.pad_before) for n in (H, W)]
        folded = F.fold(taps.reshape(B, -1, H * W), (padded[0], padded[1]), kernel_size=self.kernel, stride=self.stride)
        start = self.pad_before
        inside = folded[:, :, start : start + sides[0], start : start + sides[1]]
        return inside.permute(0, 2, 3, 1)


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after an even side in TensorFlow's "same" mode: at stride 2 one more after."""
    total = kernel - stride
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """Convolution with bias and TensorFlow's "same" padding, for input sides that its stride divides."""

    def __init__(self, in_chans: int, out_chans: int, kernel: int, stride: int = 1, groups: int = 1):
        before, after = same_padding(kernel, stride)
        # Symmetric padding is done by the convolution itself, which saves a copy.
        super().__init__(in_chans, out_chans, kernel, stride, padding=before if before == after else 0, groups=groups)
        self.pad_before, self.pad_after = before, after

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        return super().forward(feature_map if self.pad_before == self.pad_after else self.padded(feature_map))

    def padded(self, feature_map: Tensor) -> Tensor:
        """The feature map with zeros around it."""
        return F.pad(feature_map, (self.pad_before, self.pad_after) * 2)


class InvertedResidual(nn.Module):
    """Inverted residual block (MBConv): 1x1 expansion, depthwise convolution, 1x1 projection, skip connection."""

    def __init__(self, in_chans: int, group: BlockGroup, stride: int, drop_path_rate: float = 0.0):
        super().__init__()
        hidden = in_chans * group.expansion
        self.expand = SameConv2d(in_chans, hidden, 1) if group.expansion > 1 else None
        self.depthwise = SameConv2d(hidden, hidden, group.kernel, stride, groups=hidden)
        self.project = SameConv2d(hidden, group.channels, 1)
        self.has_skip = stride == 1 and in_chans == group.channels
        self.drop_path = DropPath(drop_path_rate if self.has_skip else 0.0)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        hidden = self._expanded(feature_map)
        branch: Tensor = self.project(F.relu6(self.depthwise(hidden), inplace=True))
        if not self.has_skip:
            return branch
        output: Tensor = feature_map + self.drop_path(branch, branch.shape[0])
        return output

    def forward_with_record(self, feature_map: Tensor) -> tuple[Tensor, ReceptiveField]:
        """Output of `forward`, and its receptive field.

        The weight of a tap is the Euclidean norm of its contribution to the hidden channels that pass the activation.
        A skip connection gives |x| / (|a| + |x|) to the position itself, for a branch that adds a to x, as in `Block`.
        """
        hidden = self._expanded(feature_map)
        filtered = self.depthwise(hidden)
        branch = self.project(F.relu6(filtered))
        weights = tap_weights(self.depthwise, hidden, (filtered > 0) & (filtered < 6))
        if self.has_skip:
            weights = self._with_skip(weights, feature_map, branch)
            branch = feature_map + self.drop_path(branch, branch.shape[0])
        return branch, ReceptiveField(weights, self.depthwise.stride[0], self.depthwise.pad_before)

    @staticmethod
    @torch.no_grad()
    def _with_skip(weights: Tensor, feature_map: Tensor, branch: Tensor) -> Tensor:
        """Tap weights (B, H, W, taps) of a branch, mixed with those of the skip connection."""
        added, skipped = branch.float().norm(dim=1), feature_map.float().norm(dim=1)
        ratio = (added / (added + skipped).clamp_min(1e-30))[..., None]
        identity = torch.zeros_like(weights[0, 0, 0])
        identity[len(identity) // 2] = 1
        mixed: Tensor = ratio * weights + (1 - ratio) * identity
        return mixed

    def _expanded(self, feature_map: Tensor) -> Tensor:
        return feature_map if self.expand is None else F.relu6(self.expand(feature_map), inplace=True)


@torch.no_grad()
def tap_weights(depthwise: SameConv2d, inputs: Tensor, passes: Tensor) -> Tensor:
    """Contribution of each kernel tap of a depthwise convolution at each output position, as shares.

    Args:
        inputs: of the convolution, (B, C, H, W).
        passes: outputs where the next activation has a nonzero gradient, (B, C, H', W') bool.
    Returns:
        (B, H', W', taps), summing to 1 over the last axis; taps beyond the border are 0.
    """
    B, C, H, W = passes.shape
    stride, taps = depthwise.stride, depthwise.kernel_size[0] ** 2
    patches = F.unfold(depthwise.padded(inputs.float()).square(), depthwise.kernel_size, stride=stride)
    energy = patches.reshape(B, C, taps, H * W) * depthwise.weight.float().reshape(1, C, taps, 1).square()
    strength = torch.einsum("bctn,bcn->bnt", energy, passes.reshape(B, C, H * W).float()).sqrt()
    inside = F.unfold(depthwise.padded(inputs.new_ones(1, 1, *inputs.shape[2:]).float()), depthwise.kernel_size,
                      stride=stride)[0].T[None]  # fmt: skip
    total = strength.sum(-1, keepdim=True)
    weights = torch.where(total > 0, strength / total.clamp_min(1e-30), inside / inside.sum(-1, keepdim=True))
    return weights.reshape(B, H, W, taps)


def group_blocks(in_chans: int, group: BlockGroup, rates: list[float] | None = None) -> list[InvertedResidual]:
    """Builds the blocks of a group; `rates` are their stochastic-depth rates, by default 0."""
    rates = rates or [0.0] * group.repeats
    return [
        InvertedResidual(in_chans if i == 0 else group.channels, group, group.stride if i == 0 else 1, rates[i])
        for i in range(group.repeats)
    ]


class ConvPatchEmbed(nn.Module):
    """Convolutional patch embedding to stride 4: the stem, the first group, and the stride-2 block of the second."""

    def __init__(self, config: FrontConfig, in_chans: int):
        super().__init__()
        first, second = config.groups[:2]
        self.stem = SameConv2d(in_chans, config.stem_chans, 3, 2)
        self.blocks = nn.Sequential(
            *group_blocks(config.stem_chans, first), InvertedResidual(first.channels, second, second.stride)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> tokens (B, H/4, W/4, C)."""
        with full_precision_on_cpu(images):
            feature_map = F.relu6(self.stem(for_convolution(images)), inplace=True)
            tokens: Tensor = self.blocks(feature_map).permute(0, 2, 3, 1)
        return tokens


class ConvDownsample(nn.Module):
    """Downsampling from stride 8 to stride 16: the last two groups, LayerNorm and a linear projection to `dim`."""

    def __init__(self, config: FrontConfig, dim: int):
        super().__init__()
        below, fourth, fifth = config.groups[2:]
        self.blocks = nn.Sequential(*group_blocks(below.channels, fourth), *group_blocks(fourth.channels, fifth))
        self.norm = nn.LayerNorm(fifth.channels)
        self.proj = nn.Linear(fifth.channels, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H/2, W/2, dim)."""
        with full_precision_on_cpu(tokens):
            tokens = self.blocks(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        projected: Tensor = self.proj(self.norm(tokens))
        return projected

    def forward_with_record(self, tokens: Tensor) -> tuple[Tensor, list[ReceptiveField]]:
        """Output of `forward`, and the receptive field of each block."""
        with full_precision_on_cpu(tokens):
            feature_map, fields = record_blocks(self.blocks, tokens.permute(0, 3, 1, 2))
        return self.proj(self.norm(feature_map.permute(0, 2, 3, 1))), fields


def record_blocks(blocks: Iterable[nn.Module], feature_map: Tensor) -> tuple[Tensor, list[ReceptiveField]]:
    """Applies `InvertedResidual` blocks in sequence, and returns the receptive field of each."""
    fields = []
    for block in blocks:
        assert isinstance(block, InvertedResidual)
        feature_map, field = block.forward_with_record(feature_map)
        fields.append(field)
    return feature_map, fields


def full_precision_on_cpu(values: Tensor) -> AbstractContextManager[object]:
    """Turns autocast off on the CPU, where depthwise convolutions in bfloat16 take 4 times as long as in float32."""
    return torch.autocast("cpu", enabled=False) if values.device.type == "cpu" else nullcontext()


@torch.no_grad()
def initialize_front(module: nn.Module) -> None:
    """He initialization (arXiv:1502.01852) without norms: residual branches start small."""
    for part in module.modules():
        if isinstance(part, SameConv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
            assert part.bias is not None
            nn.init.zeros_(part.bias)
    for block in module.modules():
        if isinstance(block, InvertedResidual):
            block.project.weight *= 0.2 if block.has_skip else 0.5**0.5  # a linear output: gain 1, not that of ReLU


def front_blocks(patch_embed: ConvPatchEmbed, stages: nn.ModuleList) -> Iterator[InvertedResidual]:
    """All inverted residual blocks of a backbone in order; `stages` are those of `Backbone`."""
    for part in (patch_embed, stages[0], stages[1], stages[2].get_submodule("merge")):
        yield from (module for module in part.modules() if isinstance(module, InvertedResidual))
