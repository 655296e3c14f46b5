"""Self-supervised pre-training of a backbone: contrastive learning, and masked autoencoding."""

import torch
from torch import Tensor, nn

from hvit.models.backbone import Backbone, initialize
from hvit.models.config import UNIT_PX
from hvit.models.hvit import HViT
from hvit.models.layers import Block
from hvit.models.sparse import SIDES


class Contrastive(nn.Module):
    """SimCLR: a backbone with a projection head for the contrastive loss (Chen et al. 2020, arXiv:2002.05709).

    The projection head has LayerNorm instead of batch norm: the output for a sample depends neither on the rest of the
    batch nor on the number of processes.

    Args:
        backbone: to be pre-trained; the projection head is discarded afterwards.
        hidden_dim: channels of its two hidden layers.
        out_dim: channels of its output.
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
        """(B, 3, H, W) -> L2-normalized projections, (B, out_dim) float32."""
        embedding = self.backbone(images).mean(dim=(1, 2))
        return nn.functional.normalize(self.projector(embedding).float(), dim=-1)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""
        return {f"backbone.{name}" for name in self.backbone.no_weight_decay()}


class MaskedDecoder(nn.Module):
    """Decoder of a masked autoencoder: pixels of all 32-px units from the visible ones.

    As in Hiera (Ryali et al. 2023, arXiv:2306.00989), the tokens of each stage are projected to one token per unit and
    summed, so that all stages get a gradient; a small transformer sees them with mask tokens for the masked units.

    Args:
        embed_dims: channels of the stages.
        dim: channels of the decoder, a multiple of 4 and of `head_dim`.
        depth: number of blocks.
        head_dim: channels of one attention head.
        in_chans: channels of an image.
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
        self.paint = nn.Linear(  # predicts pixels; checkpoints hold it under this name
            dim, in_chans * UNIT_PX * UNIT_PX
        )
        self.apply(initialize)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, stages: list[Tensor], visible_indices: Tensor, grid: tuple[int, int]) -> Tensor:
        """Predicts the pixels of all units.

        Args:
            stages: normalized tokens of the visible units, four of (B, V, T, C).
            visible_indices: indices of the visible units, (B, V).
            grid: rows and columns of units.
        Returns:
            (B, units, 3*32*32), in the layout of `unit_pixels`.
        """
        fused: Tensor = self.fused_norm(sum(layer(tokens.flatten(2)) for layer, tokens in zip(self.fuse, stages)))
        B, units, dim = len(visible_indices), grid[0] * grid[1], fused.shape[-1]
        tokens = self.mask_token.to(fused.dtype).expand(B, units, dim)
        tokens = tokens.scatter(1, visible_indices[..., None].expand(-1, -1, dim), fused)
        tokens = tokens + grid_positions(*grid, dim, tokens.device).to(tokens)
        for block in self.blocks:
            tokens = block(tokens, B)
        pixels: Tensor = self.paint(self.norm(tokens))
        return pixels


class MaskedAutoencoder(nn.Module):
    """Masked autoencoder: the backbone encodes the visible units, the decoder reconstructs the masked ones.

    Args:
        backbone: to be pre-trained; the decoder is discarded afterwards.
        decoder: for the `embed_dims` of the backbone.
    Source: He et al. 2021, arXiv:2111.06377.
    """

    def __init__(self, backbone: Backbone, decoder: MaskedDecoder):
        super().__init__()
        self.backbone, self.decoder = backbone, decoder

    def forward(self, images: Tensor, visible_indices: Tensor) -> Tensor:
        """Reconstruction loss, a scalar, of images (B, 3, H, W) whose visible units are `visible_indices` (B, V)."""
        return reconstruction_loss(self.backbone, self.decoder, images, visible_indices)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""
        return {f"backbone.{name}" for name in self.backbone.no_weight_decay()} | {"decoder.mask_token"}


class JointModel(nn.Module):
    """Multi-task model: classification, and masked reconstruction as an auxiliary task on the same backbone.

    Args:
        model: the classifier, which is kept after training.
        decoder: for its `embed_dims`; discarded after training.
    Source: Das et al. 2023, arXiv:2310.20704.
    """

    def __init__(self, model: HViT, decoder: MaskedDecoder):
        super().__init__()
        self.model, self.decoder = model, decoder

    def forward(
        self, images: Tensor, visible_indices: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, K) of images (B, 3, H, W), and the reconstruction loss given `visible_indices` (B, V).

        `spectral` and `present`: as for `HViT.forward`; they take no part in the reconstruction.
        """
        logits = self.model(images) if spectral is None else self.model(images, spectral, present)
        return logits, reconstruction_loss(self.model.backbone, self.decoder, images, visible_indices)

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""
        return {f"model.{name}" for name in self.model.no_weight_decay()} | {"decoder.mask_token"}

    def layer_groups(self) -> dict[str, int]:
        """Layer index of each parameter: those of the classifier; the decoder has that of the head."""
        layers = {f"model.{name}": layer for name, layer in self.model.layer_groups().items()}
        top = max(layers.values())
        return layers | {name: top for name, _ in self.named_parameters() if name.startswith("decoder.")}


def reconstruction_loss(backbone: Backbone, decoder: MaskedDecoder, images: Tensor, visible_indices: Tensor) -> Tensor:
    """Mean squared error of the reconstructed pixels over the masked units; 1 for predicting each unit's mean.

    Args:
        images: (B, 3, H, W), sides multiples of 32.
        visible_indices: indices of the visible units, (B, V), V below the number of units of an image.
    Raises:
        ValueError: no unit is masked.
    """
    grid = (images.shape[-2] // UNIT_PX, images.shape[-1] // UNIT_PX)
    if visible_indices.shape[1] >= grid[0] * grid[1]:
        raise ValueError(f"all {grid[0] * grid[1]} units of the images are visible; expected at least one masked unit")
    stages = backbone.visible_stages(images, visible_indices)
    stages = [backbone.normalized(tokens, stage) for stage, tokens in enumerate(stages)]
    predicted = decoder(stages, visible_indices, grid).float()
    error: Tensor = (predicted - unit_pixels(images.float(), normalize=True)).square().mean(-1)  # (B, units)
    masked = torch.ones_like(error).scatter(1, visible_indices, 0.0)
    return (error * masked).sum() / masked.sum()


def unit_pixels(images: Tensor, normalize: bool = False) -> Tensor:
    """Pixels of the 32-px units of images: (B, C, H, W) -> (B, units, C*32*32), in row-major order.

    Args:
        normalize: standardize each unit to mean 0 and variance 1 (He et al. 2021, section 4.2); a unit of one color
            becomes zeros.
    """
    B, C, H, W = images.shape
    units = images.reshape(B, C, H // UNIT_PX, UNIT_PX, W // UNIT_PX, UNIT_PX).permute(0, 2, 4, 1, 3, 5)
    units = units.reshape(B, -1, C * UNIT_PX * UNIT_PX)
    if normalize:
        variance, mean = torch.var_mean(units, -1, correction=0, keepdim=True)
        units = (units - mean) * (variance + 1e-6).rsqrt()
    return units


def grid_positions(rows: int, columns: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Fixed sine-cosine position embedding of a grid, (rows*columns, dim).

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
    """Number of visible units at a mask ratio; at least one is visible and at least one masked."""
    return min(units - 1, max(1, round(units * (1 - mask_ratio))))
