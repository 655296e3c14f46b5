"""The convolutional front of the `_conv` sizes: an EfficientNet-Lite up to stride 16, with its batch norms folded in.

Inverted residual blocks (Sandler et al. 2018, arXiv:1801.04381) with the widths of EfficientNet-Lite, so that they can
start from its ImageNet weights. There is no norm here at all: batch norms of outside weights are folded into the
convolutions when they come in (`folded_tensors`), so that no statistics change in training, and DDP, accumulation and
resume stay exact.

On the CPU, feature maps (B, C, H, W) lie in channels-last memory: the same memory as tokens (B, H, W, C).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models.layers import DropPath, for_convolution

BATCH_NORM_EPS = 1e-3  # of the TensorFlow weights that timm's tf_efficientnet_lite* hold


@dataclass(frozen=True)
class BlockGroup:
    """Inverted residual blocks in a row; the first has the stride.

    Args:
        kernel: side of the depthwise convolution.
        stride: 1 or 2.
        expansion: hidden channels as a multiple of the input; 1 leaves the expansion out.
        channels: outputs.
        repeats: blocks.
    """

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


@dataclass(frozen=True)
class FrontConfig:
    """Stem and groups of blocks down to stride 16: groups 1, 2 and 3 halve the grid, the stem does so before.

    Args:
        source: the timm model whose weights fit.
        stem_chans: channels of the first convolution.
        groups: five, in order.
    """

    source: str
    stem_chans: int
    groups: tuple[BlockGroup, BlockGroup, BlockGroup, BlockGroup, BlockGroup]


def _efficientnet_lite(name: str, channels: tuple[int, ...], repeats: tuple[int, ...]) -> FrontConfig:
    shapes = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6))  # kernel, stride, expansion
    groups = (BlockGroup(*shape, C, n) for shape, C, n in zip(shapes, channels, repeats, strict=True))
    return FrontConfig(f"timm:tf_{name}", 32, tuple(groups))


# Tan & Le 2019 (arXiv:1905.11946) without squeeze-and-excitation and swish: the Lite models of TensorFlow.
FRONTS = {
    "efficientnet_lite0": _efficientnet_lite("efficientnet_lite0", (16, 24, 40, 80, 112), (1, 2, 2, 3, 3)),
    "efficientnet_lite2": _efficientnet_lite("efficientnet_lite2", (16, 24, 48, 88, 120), (1, 3, 3, 4, 4)),
}


@dataclass(frozen=True)
class ReceptiveField:
    """How much each input position under a convolution feeds each output position.

    Attributes:
        weights: (B, H, W, kernel * kernel) over the positions around, row by row; not negative, summing to 1 over the
            last axis; 0 beyond the border.
        stride: input positions between neighboring outputs.
        before: input positions to the left of (and above) the first one that the first output reads.
    """

    weights: Tensor
    stride: int
    before: int

    @property
    def kernel(self) -> int:
        return round(self.weights.shape[-1] ** 0.5)

    def spread(self, share: Tensor) -> Tensor:
        """Shares of outputs (B, H, W, Q) -> shares of inputs (B, stride*H, stride*W, Q); sums are kept."""
        B, H, W, Q = share.shape
        taps = self.weights.float().reshape(B, 1, H * W, -1).mT
        taps = share.reshape(B, H * W, Q).transpose(1, 2)[:, :, None] * taps
        sides = (self.stride * H, self.stride * W)
        around = [self.stride * (n - 1) + self.kernel for n in (H, W)]  # all that is read, the border too
        after = [most - side - self.before for most, side in zip(around, sides)]
        padded = [side + self.before + max(0, over) for side, over in zip(sides, after)]
        folded = F.fold(taps.reshape(B, -1, H * W), padded, kernel_size=self.kernel, stride=self.stride)
        inside = folded[:, :, self.before : self.before + sides[0], self.before : self.before + sides[1]]
        return inside.permute(0, 2, 3, 1)


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Positions before and after an even side, as TensorFlow pads "same": at stride 2 one more after."""
    total = kernel - stride
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution with bias over sides that its stride divides, padded as TensorFlow pads "same"."""

    def __init__(self, in_chans: int, out_chans: int, kernel: int, stride: int = 1, groups: int = 1):
        before, after = same_padding(kernel, stride)
        # The same on both sides is done by the convolution itself, which copies nothing.
        super().__init__(in_chans, out_chans, kernel, stride, padding=before if before == after else 0, groups=groups)
        self.before, self.after = before, after

    def forward(self, feature_map: Tensor) -> Tensor:
        return super().forward(feature_map if self.before == self.after else self.padded(feature_map))

    def padded(self, feature_map: Tensor) -> Tensor:
        return F.pad(feature_map, (self.before, self.after) * 2)


class InvertedResidual(nn.Module):
    """Expand (1x1), filter each channel (depthwise), project (1x1); with a skip path where shapes allow."""

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
        branch = self.project(F.relu6(self.depthwise(hidden), inplace=True))
        return feature_map + self.drop_path(branch, branch.shape[0]) if self.has_skip else branch

    def forward_with_record(self, feature_map: Tensor) -> tuple[Tensor, ReceptiveField]:
        """The same, and how much each input position feeds each output position.

        The weight of a tap is the Euclidean norm of what it adds to the hidden channels that pass the activation. A
        skip path keeps |x| / (|a| + |x|) at the position itself, for a branch that adds a to x, as in `Block`.
        """
        hidden = self._expanded(feature_map)
        filtered = self.depthwise(hidden)
        branch = self.project(F.relu6(filtered))
        weights = tap_weights(self.depthwise, hidden, (filtered > 0) & (filtered < 6))
        if self.has_skip:
            weights = self._with_skip_path(weights, feature_map, branch)
            branch = feature_map + self.drop_path(branch, branch.shape[0])
        return branch, ReceptiveField(weights, self.depthwise.stride[0], self.depthwise.before)

    @staticmethod
    @torch.no_grad()
    def _with_skip_path(weights: Tensor, feature_map: Tensor, branch: Tensor) -> Tensor:
        """Weights (B, H, W, taps) of a branch, and of the position itself that the skip path keeps."""
        added, kept = branch.float().norm(dim=1), feature_map.float().norm(dim=1)
        share = (added / (added + kept).clamp_min(1e-30))[..., None]
        alone = torch.zeros_like(weights[0, 0, 0])
        alone[len(alone) // 2] = 1
        return share * weights + (1 - share) * alone

    def _expanded(self, feature_map: Tensor) -> Tensor:
        return feature_map if self.expand is None else F.relu6(self.expand(feature_map), inplace=True)


@torch.no_grad()
def tap_weights(depthwise: SameConv2d, inputs: Tensor, passes: Tensor) -> Tensor:
    """Strength of each tap of a depthwise convolution at each output position, as shares.

    Args:
        inputs: of the convolution, (B, C, H, W).
        passes: outputs that what follows lets through, (B, C, H', W') bool.
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
    """The blocks of a group; `rates` are their drop-path rates, 0 where nothing is said."""
    rates = rates or [0.0] * group.repeats
    return [
        InvertedResidual(in_chans if i == 0 else group.channels, group, group.stride if i == 0 else 1, rates[i])
        for i in range(group.repeats)
    ]


class ConvPatchEmbed(nn.Module):
    """Image to stride-4 tokens: the stem, the first group, and the block of the second that halves the grid."""

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
            return self.blocks(feature_map).permute(0, 2, 3, 1)


class ConvDownsample(nn.Module):
    """Stride-8 tokens to stride 16: the last two groups, then a norm and a linear map to the width of attention."""

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
        return self.proj(self.norm(tokens))

    def forward_with_record(self, tokens: Tensor) -> tuple[Tensor, list[ReceptiveField]]:
        """The same, and the receptive field of each block."""
        with full_precision_on_cpu(tokens):
            feature_map, fields = record_blocks(self.blocks, tokens.permute(0, 3, 1, 2))
        return self.proj(self.norm(feature_map.permute(0, 2, 3, 1))), fields


def record_blocks(blocks: nn.Module, feature_map: Tensor) -> tuple[Tensor, list[ReceptiveField]]:
    """Applies blocks in a row, and keeps the receptive field of each."""
    fields = []
    for block in blocks:
        feature_map, field = block.forward_with_record(feature_map)
        fields.append(field)
    return feature_map, fields


def full_precision_on_cpu(values: Tensor) -> AbstractContextManager:
    """Turns autocast off on the CPU, where depthwise convolutions in bfloat16 take 4 times as long as in float32."""
    return torch.autocast("cpu", enabled=False) if values.device.type == "cpu" else nullcontext()


@torch.no_grad()
def initialize_front(module: nn.Module) -> None:
    """He initialization (arXiv:1502.01852) without norms: what a block adds to its skip path starts small."""
    for part in module.modules():
        if isinstance(part, SameConv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
            nn.init.zeros_(part.bias)
    for block in module.modules():
        if isinstance(block, InvertedResidual):
            block.project.weight *= 0.2 if block.has_skip else 0.5**0.5  # a linear output: gain 1, not that of ReLU


def front_blocks(patch_embed: ConvPatchEmbed, stages: nn.ModuleList) -> Iterator[InvertedResidual]:
    """All inverted residual blocks of a backbone in order."""
    yield from patch_embed.blocks
    yield from stages[0].blocks
    yield stages[1].merge
    yield from stages[1].blocks
    yield from stages[2].merge.blocks


def folded_tensors(config: FrontConfig, tensors: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution of the front in order, from timm's weights with their batch norms.

    A convolution with weight w and a batch norm (scale g, shift b, mean m, variance v) are one convolution with weight
    w g / sqrt(v + eps) and bias b - m g / sqrt(v + eps).

    Args:
        tensors: of the timm model `config.source`, by name.
    Raises:
        ValueError: a tensor is missing.
    """
    pairs = [("conv_stem", "bn1")]
    for i, group in enumerate(config.groups):
        for j in range(group.repeats):
            names = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))
            names = names if group.expansion > 1 else (("conv_dw", "bn1"), ("conv_pw", "bn2"))
            pairs += [(f"blocks.{i}.{j}.{conv}", f"blocks.{i}.{j}.{norm}") for conv, norm in names]
    for conv, norm in pairs:
        needed = [f"{conv}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))]
        if missing := [name for name in needed if name not in tensors]:
            raise ValueError(f"the weights have no {missing[0]}; expected those of {config.source}")
        weight, scale, shift, mean, variance = (tensors[name].double() for name in needed)
        scale = scale / (variance + BATCH_NORM_EPS).sqrt()
        yield weight * scale[:, None, None, None], shift - mean * scale
