"""Modules around a backbone that learn without labels: two views of a photo, or the part of it that was masked."""

import torch
from torch import Tensor, nn

from hvit.models.backbone import Backbone, initialize
from hvit.models.config import UNIT_PX
from hvit.models.hvit import HViT
from hvit.models.layers import Block
from hvit.models.sparse import SIDES


class Contrastive(nn.Module):
    """A backbone and a projector whose outputs the contrastive loss compares (Chen et al. 2020, arXiv:2002.05709).

    The projector normalises over channels, not over a batch: what a sample sees then never depends on the others, nor
    on the number of processes.

    Args:
        backbone: what is pre-trained; the projector is thrown away afterwards.
        hidden_dim: channels of the two hidden layers of the projector.
        out_dim: channels of what is compared.
    """

    def __init__(self, backbone: Backbone, hidden_dim: int = 512, out_dim: int = 128):
        super().__init__()
        self.backbone = backbone
        dims = (backbone.config.embed_dims[3], hidden_dim, hidden_dim)
        hidden = [
            layer
            for before, after in zip(dims, dims[1:])
            for layer in (nn.Linear(before, after, bias=False), nn.LayerNorm(after), nn.GELU())
        ]
        self.projector = nn.Sequential(*hidden, nn.Linear(hidden_dim, out_dim, bias=False))
        for layer in self.projector:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> projections of unit length, (B, out_dim) float32."""
        embedding = self.backbone(images).mean(dim=(1, 2))
        return nn.functional.normalize(self.projector(embedding).float(), dim=-1)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters besides norms and biases that must not decay."""
        return {f"backbone.{name}" for name in self.backbone.no_weight_decay()}


class MaskedDecoder(nn.Module):
    """Paints every 32-px unit of an image from the visible ones, as Hiera does (Ryali et al. 2023, arXiv:2306.00989).

    The tokens of each stage are brought to one token a unit and added up, so that all stages learn; a small transformer
    sees them among learned tokens in the place of the masked units.

    Args:
        embed_dims: channels of the stages.
        dim: channels of the decoder, a multiple of 4 and of `head_dim`.
        depth: its blocks.
        head_dim: channels of one of its heads.
    """

    def __init__(
        self, embed_dims: tuple[int, ...], dim: int = 128, depth: int = 2, head_dim: int = 32, in_chans: int = 3
    ):
        super().__init__()
        if dim % 4 or dim % head_dim:
            raise ValueError(f"the decoder has {dim} channels; expected a multiple of 4 and of head_dim {head_dim}")
        self.fuse = nn.ModuleList(nn.Linear(side * side * C, dim) for side, C in zip(SIDES, embed_dims))
        self.fused_norm = nn.LayerNorm(dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, head_dim, 4.0, 0.0) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.paint = nn.Linear(dim, in_chans * UNIT_PX * UNIT_PX)
        self.apply(initialize)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, stages: list[Tensor], kept: Tensor, grid: tuple[int, int]) -> Tensor:
        """Pixels of all units.

        Args:
            stages: normalised tokens of the visible units, four of (B, V, T, C).
            kept: their numbers, (B, V).
            grid: rows and columns of units.
        Returns:
            (B, units, 3*32*32), as `unit_pixels` lays them out.
        """
        fused = self.fused_norm(sum(layer(tokens.flatten(2)) for layer, tokens in zip(self.fuse, stages)))
        B, units, dim = len(kept), grid[0] * grid[1], fused.shape[-1]
        tokens = self.mask_token.to(fused.dtype).expand(B, units, dim)
        tokens = tokens.scatter(1, kept[..., None].expand(-1, -1, dim), fused)
        tokens = tokens + grid_positions(*grid, dim, tokens.device).to(tokens)
        for block in self.blocks:
            tokens = block(tokens, B)
        return self.paint(self.norm(tokens))


class MaskedAutoencoder(nn.Module):
    """A backbone that sees some units of an image, and a decoder that paints the others (He et al. 2021,
    arXiv:2111.06377).

    Args:
        backbone: what is pre-trained; the decoder is thrown away afterwards.
        decoder: made for its `embed_dims`.
    """

    def __init__(self, backbone: Backbone, decoder: MaskedDecoder):
        super().__init__()
        self.backbone, self.decoder = backbone, decoder

    def forward(self, images: Tensor, kept: Tensor) -> Tensor:
        """Mean squared error over the masked units of images (B, 3, H, W), a scalar, with units `kept` (B, V)."""
        return reconstruction_loss(self.backbone, self.decoder, images, kept)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters besides norms and biases that must not decay."""
        return {f"backbone.{name}" for name in self.backbone.no_weight_decay()} | {"decoder.mask_token"}


class JointModel(nn.Module):
    """A classifier that also paints what is masked, with one backbone: self-supervision as an auxiliary task beside
    the labels (Das et al. 2023, arXiv:2310.20704).

    Args:
        model: the classifier; it is what remains after training.
        decoder: made for its `embed_dims`.
    """

    def __init__(self, model: HViT, decoder: MaskedDecoder):
        super().__init__()
        self.model, self.decoder = model, decoder

    def forward(
        self, images: Tensor, kept: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, K) of whole images (B, 3, H, W), and the error of painting them from units `kept` (B, V).

        `spectral` and `present` are those of `HViT.forward`; they are not painted, and do not help with it.
        """
        logits = self.model(images) if spectral is None else self.model(images, spectral, present)
        return logits, reconstruction_loss(self.model.backbone, self.decoder, images, kept)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters besides norms and biases that must not decay."""
        return {f"model.{name}" for name in self.model.no_weight_decay()} | {"decoder.mask_token"}

    def layer_groups(self) -> dict[str, int]:
        """As those of the classifier; the decoder, which is new as the head is, counts with the head."""
        layers = {f"model.{name}": layer for name, layer in self.model.layer_groups().items()}
        top = max(layers.values())
        return layers | {name: top for name, _ in self.named_parameters() if name.startswith("decoder.")}


def reconstruction_loss(backbone: Backbone, decoder: MaskedDecoder, images: Tensor, kept: Tensor) -> Tensor:
    """Mean squared error of painted pixels over the masked units; 1 is what painting each unit's mean would cost.

    Args:
        images: (B, 3, H, W), sides multiples of 32.
        kept: numbers of the visible units, (B, V), V below the units of an image.
    Raises:
        ValueError: no unit is masked.
    """
    grid = (images.shape[-2] // UNIT_PX, images.shape[-1] // UNIT_PX)
    if kept.shape[1] >= grid[0] * grid[1]:
        raise ValueError(f"all {grid[0] * grid[1]} units of the images are visible; nothing is left to paint")
    stages = backbone.visible_stages(images, kept)
    stages = [backbone.normalized(tokens, stage) for stage, tokens in enumerate(stages)]
    painted = decoder(stages, kept, grid).float()
    error = (painted - unit_pixels(images.float(), normalize=True)).square().mean(-1)  # (B, units)
    masked = torch.ones_like(error).scatter(1, kept, 0.0)
    return (error * masked).sum() / masked.sum()


def unit_pixels(images: Tensor, normalize: bool = False) -> Tensor:
    """Images (B, C, H, W) cut into 32-px units, (B, units, C*32*32), units row by row.

    Args:
        normalize: bring every unit to mean 0 and variance 1, so that what is painted is structure and not brightness
            (He et al. 2021, section 4.2); a unit of one color becomes zeros.
    """
    B, C, H, W = images.shape
    units = images.reshape(B, C, H // UNIT_PX, UNIT_PX, W // UNIT_PX, UNIT_PX).permute(0, 2, 4, 1, 3, 5)
    units = units.reshape(B, -1, C * UNIT_PX * UNIT_PX)
    if normalize:
        variance, mean = torch.var_mean(units, -1, correction=0, keepdim=True)
        units = (units - mean) * (variance + 1e-6).rsqrt()
    return units


def grid_positions(rows: int, columns: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Sines and cosines of each row and column at geometric frequencies, (rows*columns, dim); any grid, no weights.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5, half of the channels for each axis.
    """
    frequencies = 100.0 ** -(torch.arange(dim // 4, device=device) / (dim // 4))

    def axis(length: int) -> Tensor:
        angles = torch.arange(length, device=device)[:, None] * frequencies
        return torch.cat([angles.sin(), angles.cos()], -1)  # (length, dim/2)

    return torch.cat(
        [axis(rows).repeat_interleave(columns, 0), axis(columns).repeat(rows, 1)],
        -1,
    )


def num_visible(units: int, mask_ratio: float) -> int:
    """Units of an image that stay visible: at least one, and at least one is masked."""
    return min(units - 1, max(1, round(units * (1 - mask_ratio))))
