"""DFCA, disease-focused cross-attention: RGB tokens attend to tokens of a spectral image of the same scene.

Two-stream cross-attention (Lu et al. 2019, arXiv:1908.02265; Chen et al. 2021, arXiv:2103.14899) with a learned gate
per channel. Where the spectral image is missing, for a batch or for some samples, the stream adds exactly 0.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models.layers import LayerNorm2d

HALVINGS = 4  # to stride 16, where attention among RGB tokens becomes global
NARROWEST = 8  # channels of the first convolution, in the smallest models


@dataclass(frozen=True)
class FusionRecord:
    """Intermediate results of the spectral stream for a batch.

    Attributes:
        attention: (B, num_heads, N, N): rows are RGB tokens, columns spectral tokens, both row by row of one stride-16
            grid; each row sums to 1.
        added: what was added to each RGB token, (B, H, W, C); exactly 0 where the stream is missing.
        gate: factor of each channel, (C,), in (0, 1).
        present: samples that have a spectral image, (B,) bool; the attention of the others is meaningless.
    """

    attention: Tensor
    added: Tensor
    gate: Tensor
    present: Tensor

    @property
    def received(self) -> Tensor:
        """Attention each spectral token receives, mean over heads and queries: (B, H, W), sums to 1."""
        return self.attention.mean(dim=(1, 2)).reshape(self.added.shape[:3])


class SpectralEmbed(nn.Module):
    """Convolutional patch embedding of a spectral image to stride 16: four overlapping 3x3 convolutions.

    Unlike those of the RGB stem they have biases: LayerNorm alone would discard the overall brightness of a pixel,
    which carries information in reflectance, unlike in a photo.
    """

    def __init__(self, in_chans: int, dim: int):
        super().__init__()
        widths = [in_chans, *(max(NARROWEST, dim >> (HALVINGS - 1 - i)) for i in range(HALVINGS - 1)), dim]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, widths[1:]))
        self.norms = nn.ModuleList(LayerNorm2d(width) for width in widths[1:])

    def forward(self, spectral: Tensor) -> Tensor:
        """(B, bands, H, W) -> normalized tokens (B, H/16, W/16, C)."""
        feature_map = spectral.contiguous(memory_format=torch.channels_last)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            feature_map = norm(conv(feature_map if i == 0 else F.gelu(feature_map)))
        return feature_map.permute(0, 2, 3, 1)


class CrossAttention(nn.Module):
    """Multi-head cross-attention: queries from one set of tokens, keys and values from another."""

    def __init__(self, dim: int, head_dim: int):
        super().__init__()
        self.num_heads = dim // head_dim
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def _heads(self, tokens: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        B, N, C = tokens.shape
        queries = self.query(tokens).reshape(B, N, self.num_heads, -1).transpose(1, 2)
        keys, values = self.key_value(context).reshape(B, -1, 2, self.num_heads, C // self.num_heads).unbind(2)
        return queries, keys.transpose(1, 2), values.transpose(1, 2)  # three of (B, num_heads, N, head_dim)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B, N, C) and (B, M, C) -> (B, N, C), by a fused attention kernel: four dimensions and no attention bias."""
        queries, keys, values = self._heads(tokens, context)
        if queries.device.type == "cpu" and queries.dtype == torch.bfloat16 and torch.is_grad_enabled():
            return self._attend(queries, keys, values)[0]  # the fused backward is slow there, see `Attention`
        attended = F.scaled_dot_product_attention(queries, keys, values)
        projected: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return projected

    def forward_with_weights(self, tokens: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Output of `forward`, and the attention weights (B, num_heads, N, M), whose rows sum to 1."""
        return self._attend(*self._heads(tokens, context))

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        weights = (queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5).softmax(dim=-1)
        return self.proj((weights @ values).transpose(1, 2).flatten(2)), weights


class Fusion(nn.Module):
    """Gated cross-attention from RGB tokens to a spectral image.

    Both streams get the position embedding of their common grid, so that a token can attend to its own position. The
    gate is the sigmoid of one parameter per channel, 0.5 at first, so that gradients reach both streams.

    Args:
        bands: channels of the spectral image.
        dim: C, channels of the RGB tokens.
        head_dim: channels of an attention head.
    """

    def __init__(self, bands: int, dim: int, head_dim: int):
        super().__init__()
        self.bands = bands
        self.embed = SpectralEmbed(bands, dim)
        self.norm = nn.LayerNorm(dim)
        self.attn = CrossAttention(dim, head_dim)
        self.gate_logit = nn.Parameter(torch.zeros(dim))

    @property
    def gate(self) -> Tensor:
        """Factor of each channel, (C,), in (0, 1)."""
        return self.gate_logit.sigmoid()

    def forward(self, tokens: Tensor, embedding: Tensor, spectral: Tensor, present: Tensor | None) -> Tensor:
        """Adds the gated output of the cross-attention to the RGB tokens.

        Args:
            tokens: RGB tokens of stage 3, (B, H, W, C), with their position embedding.
            embedding: position embedding of the grid, (1, H, W, C).
            spectral: normalized spectral image at the pixels of the photos, (B, bands, 16*H, 16*W).
            present: samples that have one, (B,) bool; None for all. The values of the others are ignored, even NaN.
        """
        queries, context, keep = self._inputs(tokens, embedding, spectral, present)
        return tokens + self._gated(self.attn(queries, context), tokens.shape, keep)

    def forward_with_record(
        self, tokens: Tensor, embedding: Tensor, spectral: Tensor, present: Tensor | None
    ) -> tuple[Tensor, FusionRecord]:
        """Output of `forward`, and its intermediate results."""
        queries, context, keep = self._inputs(tokens, embedding, spectral, present)
        attended, weights = self.attn.forward_with_weights(queries, context)
        added = self._gated(attended, tokens.shape, keep)
        return tokens + added, FusionRecord(weights, added, self.gate, keep)

    def _inputs(
        self, tokens: Tensor, embedding: Tensor, spectral: Tensor, present: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens of the queries and of the context, (B, N, C) each, and the mask of samples with a spectral image."""
        keep = torch.ones(tokens.shape[0], dtype=torch.bool, device=tokens.device) if present is None else present
        spectral = torch.where(keep[:, None, None, None], spectral, 0.0)
        return self.norm(tokens).flatten(1, 2), (self.embed(spectral) + embedding).flatten(1, 2), keep

    def _gated(self, attended: Tensor, shape: torch.Size, keep: Tensor) -> Tensor:
        added = attended.reshape(shape) * self.gate
        return torch.where(keep[:, None, None, None], added, 0.0)  # not a product with the mask: 0 * NaN is NaN
