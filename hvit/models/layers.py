"""Layers of an HViT.

Shape letters: B images, H W a grid of tokens, N = H*W tokens, C channels, T tokens of one window, K classes.
Tokens travel as (B, H, W, C): a permuted view of a channels-last feature map, so that convolutions need no copy.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def windows_of(tokens: Tensor, side: int) -> Tensor:
    """Partitions a grid into windows: (B, H, W, C) -> (B*H/side*W/side, side*side, C); `side` 0 is one window."""
    B, H, W, C = tokens.shape
    if side == 0:
        return tokens.reshape(B, H * W, C)
    tokens = tokens.reshape(B, H // side, side, W // side, side, C).transpose(2, 3)
    return tokens.reshape(-1, side * side, C)


def grid_of(windows: Tensor, side: int, shape: tuple[int, int, int, int]) -> Tensor:
    """Reverses the window partition of `windows_of`, to a grid of `shape` (B, H, W, C)."""
    B, H, W, C = shape
    if side == 0:
        return windows.reshape(shape)
    windows = windows.reshape(B, H // side, W // side, side, side, C).transpose(2, 3)
    return windows.reshape(shape)


def for_convolution(feature_map: Tensor) -> Tensor:
    """Converts a feature map (B, C, H, W) to the faster memory format for convolutions: channels last on the CPU.

    On CUDA it is contiguous: in channels last, cuDNN compiles kernels for every new shape, which took 10 seconds a
    shape on an H100, and batches have many shapes.
    """
    if feature_map.is_cuda:
        return feature_map.contiguous()
    return feature_map.contiguous(memory_format=torch.channels_last)


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels at each position of a feature map (B, C, H, W)."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return super().forward(feature_map.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DropPath(nn.Module):
    """Stochastic depth: skips a residual branch for whole images in training (Huang et al. 2016, arXiv:1603.09382).

    The training loop sets `uniform`, random numbers in [0, 1), (B,): an image skips the branch where its number is
    below `rate`, whatever its process and place in the batch. Where it is None, torch's global generator is used.

    Args:
        rate: probability of skipping.
        scale_by_keep: divide what is kept by 1 - rate, so that its expectation stays the same.
    """

    def __init__(self, rate: float, scale_by_keep: bool = True):
        super().__init__()
        self.rate, self.scale_by_keep = rate, scale_by_keep
        self.uniform: Tensor | None = None

    def forward(self, branch: Tensor, num_images: int | None = None) -> Tensor:
        """Drops the branch for some images.

        Args:
            branch: (num_images * windows, ...): the windows of an image are dropped together.
            num_images: None where each row of `branch` is an image.
        """
        if self.rate == 0.0 or not self.training:
            return branch
        num_images = branch.shape[0] if num_images is None else num_images
        uniform = torch.rand(num_images, device=branch.device) if self.uniform is None else self.uniform
        if len(uniform) != num_images:
            raise ValueError(
                f"stochastic depth has {len(uniform)} random numbers for {num_images} rows: this model drops paths of "
                "parts of an image; set model.drop_path_rate to 0"
            )
        keep = (uniform >= self.rate).to(branch.dtype) / ((1 - self.rate) if self.scale_by_keep else 1)
        keep = keep.repeat_interleave(branch.shape[0] // num_images)
        return branch * keep.reshape(-1, *[1] * (branch.ndim - 1))


class PatchEmbed(nn.Module):
    """Convolutional patch embedding to stride 4: two overlapping 3x3 convolutions.

    Trains more stably than one 4x4 patch projection (Xiao et al. 2021, arXiv:2106.14881). LayerNorm instead of batch
    norm: the output for an image does not depend on the rest of the batch, on accumulation or on masking.
    """

    def __init__(self, in_chans: int, embed_dim: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_chans, embed_dim // 2, 3, stride=2, padding=1, bias=False)
        self.norm1 = LayerNorm2d(embed_dim // 2)
        self.conv2 = nn.Conv2d(embed_dim // 2, embed_dim, 3, stride=2, padding=1, bias=False)
        self.norm2 = LayerNorm2d(embed_dim)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> tokens (B, H/4, W/4, C)."""
        feature_map = F.relu(self.norm1(self.conv1(for_convolution(images))))
        normalized: Tensor = self.norm2(self.conv2(for_convolution(feature_map)))
        return normalized.permute(0, 2, 3, 1)


class PatchMerging(nn.Module):
    """Downsampling between stages: LayerNorm, then an overlapping 3x3 convolution of stride 2 to more channels."""

    def __init__(self, in_dim: int, out_dim: int):
        super().__init__()
        self.norm = nn.LayerNorm(in_dim)
        self.conv = nn.Conv2d(in_dim, out_dim, 3, stride=2, padding=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H/2, W/2, C')."""
        feature_map: Tensor = self.conv(for_convolution(self.norm(tokens).permute(0, 3, 1, 2)))
        return feature_map.permute(0, 2, 3, 1)


class PositionConv(nn.Module):
    """Conditional position encoding: a residual depthwise 3x3 convolution (Chu et al. 2021, arXiv:2102.10882)."""

    def __init__(self, dim: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        encoding: Tensor = self.conv(for_convolution(tokens.permute(0, 3, 1, 2)))
        return tokens + encoding.permute(0, 2, 3, 1)


class Attention(nn.Module):
    """Multi-head self-attention among the tokens of each window."""

    def __init__(self, dim: int, head_dim: int):
        super().__init__()
        self.num_heads = dim // head_dim
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def _heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        windows, T, C = tokens.shape
        qkv = self.qkv(tokens).reshape(windows, T, 3, self.num_heads, C // self.num_heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return queries, keys, values  # (windows, num_heads, T, head_dim) each

    def forward(self, tokens: Tensor) -> Tensor:
        """(windows, T, C) -> (windows, T, C), by a fused attention kernel: four dimensions and no attention bias."""
        queries, keys, values = self._heads(tokens)
        if queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
            # In bf16 on the CPU, torch 2.13's fused kernel takes 1.5 times as long as two matrix products at 64 to 576
            # tokens, and its backward pass two to six times as long.
            return self._attend(tokens, queries, keys, values)[0]
        attended = F.scaled_dot_product_attention(queries, keys, values)
        projected: Tensor = self.proj(attended.transpose(1, 2).reshape(tokens.shape))
        return projected

    def forward_with_weights(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Output of `forward`, and the attention weights (windows, num_heads, T, T), whose rows sum to 1."""
        return self._attend(tokens, *self._heads(tokens))

    def _attend(self, tokens: Tensor, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        weights = (queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5).softmax(dim=-1)
        return self.proj((weights @ values).transpose(1, 2).reshape(tokens.shape)), weights


class Mlp(nn.Module):
    """Feed-forward network of a transformer block: linear, GELU, linear."""

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        output: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return output


class Block(nn.Module):
    """Pre-norm transformer block with windowed self-attention."""

    def __init__(self, dim: int, head_dim: int, mlp_ratio: float, drop_path_rate: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.drop_path1 = DropPath(drop_path_rate)
        self.drop_path2 = DropPath(drop_path_rate)

    def forward(self, tokens: Tensor, num_images: int) -> Tensor:
        """(windows, T, C) -> (windows, T, C); the windows of `num_images` images, image by image."""
        tokens = tokens + self.drop_path1(self.attn(self.norm1(tokens)), num_images)
        output: Tensor = tokens + self.drop_path2(self.mlp(self.norm2(tokens)), num_images)
        return output

    def forward_with_weights(self, tokens: Tensor, num_images: int) -> tuple[Tensor, Tensor, Tensor]:
        """Output of `forward`, attention weights (windows, num_heads, T, T) and mixing ratios (windows, T).

        The mixing ratio of a token x to which attention adds a is |a| / (|a| + |x|), in [0, 1] (Kobayashi et al.
        2021, arXiv:2109.07152).
        """
        attended, weights = self.attn.forward_with_weights(self.norm1(tokens))
        with torch.no_grad():
            added, residual = attended.norm(dim=-1), tokens.norm(dim=-1)
            ratio = added / (added + residual).clamp_min(1e-30)
        tokens = tokens + self.drop_path1(attended, num_images)
        return tokens + self.drop_path2(self.mlp(self.norm2(tokens)), num_images), weights, ratio
