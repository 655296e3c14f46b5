"""Hierarchical backbone: images to four feature maps at strides 4, 8, 16 and 32."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models.batch_norm_folding import folded_tensors
from hvit.models.config import STRIDES, UNIT_PX, ModelConfig
from hvit.models.conv_front import ConvPatchEmbed, front_blocks, initialize_front
from hvit.models.fusion import Fusion
from hvit.models.layers import PatchEmbed
from hvit.models.sparse import SIDES, VisibleUnits
from hvit.models.stages import ConvStage, Stage, StageRecord

MIN_SIDE_PX = 64
FUSED_STAGE = 2  # the first with global attention: cross-attention to a spectral image is at its entry


def fit_sides(height: int, width: int) -> tuple[int, int]:
    """Nearest height and width in px that an HViT can compute at: multiples of 32, at least 64.

    Raises:
        ValueError: a side is shorter than 64 px.
    """
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"images are {height}x{width} px; both sides must be at least {MIN_SIDE_PX} px")
    height, width = (max(MIN_SIDE_PX, UNIT_PX * int(side / UNIT_PX + 0.5)) for side in (height, width))
    return height, width


class Backbone(nn.Module):
    """Four stages at strides 4, 8, 16 and 32: attention in 32-px windows in the first two, global in the last two.

    With a `front`, the first two stages and the downsampling to stride 16 are convolutions (`hvit.models.conv_front`).
    Any size from 64 px: images are resized (antialiased) to the nearest multiple of 32 px, so no tokens are padding.
    With `spectral_chans`, tokens attend to those of a spectral image at the entry of the third stage.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.grad_checkpointing = False
        total = sum(config.depths)
        rates = [config.drop_path_rate * i / max(1, total - 1) for i in range(total)]
        first = [sum(config.depths[:i]) for i in range(4)]
        front = config.front_config
        self.patch_embed: nn.Module
        if front is None:
            self.patch_embed = PatchEmbed(config.in_chans, config.embed_dims[0])
        else:
            self.patch_embed = ConvPatchEmbed(front, config.in_chans)
        stage_types = [Stage if i in config.attention_stages else ConvStage for i in range(4)]
        self.stages = nn.ModuleList(
            stage_type(config, i, rates[first[i] : first[i] + config.depths[i]])
            for i, stage_type in enumerate(stage_types)
        )
        # A window embedding that is tiled, and a global one at stride 16 that is interpolated: interpolation
        # then keeps the windows aligned (Bolya et al. 2023, arXiv:2311.05613).
        unit, grid = UNIT_PX // STRIDES[0], max(2, config.img_size // STRIDES[2])
        self.unit_embedding = None if front else nn.Parameter(torch.zeros(1, unit, unit, config.embed_dims[0]))
        self.image_embedding = nn.Parameter(torch.zeros(1, grid, grid, config.embed_dims[2]))
        self.norm: nn.Module = nn.LayerNorm(config.embed_dims[3])
        self.apply(initialize)
        if front is not None:
            initialize_front(self)
        for embedding in (self.unit_embedding, self.image_embedding):
            if embedding is not None:
                nn.init.trunc_normal_(embedding, std=0.02)
        self.fusion: Fusion | None = None
        if config.spectral_chans:  # initialized last: all other weights start as in the model without it
            self.fusion = Fusion(config.spectral_chans, config.embed_dims[FUSED_STAGE], config.head_dim)
            self.fusion.apply(initialize)

    @torch.no_grad()
    def load_timm_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Loads timm's EfficientNet-Lite weights into the convolutional stages, with batch norms folded in.

        Args:
            state_dict: of the timm model that `config.front_config.source` names.
        Raises:
            ValueError: there are no convolutional stages, or the weights do not fit; nothing is changed then.
        """
        front = self.config.front_config
        if front is None:
            raise ValueError("this model has no convolutional stages to load timm weights into; use a _conv size")
        assert isinstance(self.patch_embed, ConvPatchEmbed)
        convolutions = [self.patch_embed.stem]
        for block in front_blocks(self.patch_embed, self.stages):
            convolutions += [conv for conv in (block.expand, block.depthwise, block.project) if conv is not None]
        folded = list(folded_tensors(front, state_dict))
        for conv, (weight, _) in zip(convolutions, folded, strict=True):
            if conv.weight.shape != weight.shape:
                raise ValueError(
                    f"a convolution of {self.config.front} is {tuple(conv.weight.shape)}, and that of the weights "
                    f"{tuple(weight.shape)}; expected those of {front.source}"
                )
        for conv, (weight, bias) in zip(convolutions, folded, strict=True):
            assert conv.bias is not None
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)

    def no_weight_decay(self) -> set[str]:
        """Names of the position embeddings: the parameters, besides norms and biases, that get no weight decay."""
        names = ("unit_embedding", "image_embedding")
        return {name for name in names if getattr(self, name) is not None}

    def position_embeddings(self, height: int, width: int) -> list[Tensor | None]:
        """Position embedding of each stage for an image size in px; None for stages without one."""
        unit: Tensor | None = self.unit_embedding
        if unit is not None:
            unit = unit.repeat(1, height // UNIT_PX, width // UNIT_PX, 1)
        grid = (height // STRIDES[2], width // STRIDES[2])
        image: Tensor = self.image_embedding
        if image.shape[1:3] != grid:
            image = F.interpolate(image.permute(0, 3, 1, 2), grid, mode="bicubic", antialias=True, align_corners=False)
            image = image.permute(0, 2, 3, 1)
        return [unit, None, image, None]

    def resized(self, images: Tensor) -> Tensor:
        """Images resized to the nearest sides that are multiples of 32 px, see `fit_sides`."""
        sides = fit_sides(*images.shape[-2:])
        if sides == tuple(images.shape[-2:]):
            return images
        return F.interpolate(images, sides, mode="bilinear", antialias=True, align_corners=False)

    def fusion_at(
        self, index: int, images: Tensor, spectral: Tensor | None, present: Tensor | None, recorded: bool = False
    ) -> Callable[..., Any] | None:
        """The cross-attention to a spectral image at the entry of a stage; None where there is none.

        Raises:
            ValueError: this backbone takes no spectral image, or one of another shape.
        """
        if spectral is None or index != FUSED_STAGE:
            return None
        if self.fusion is None:
            raise ValueError("this model has no spectral stream; only the _dfca sizes take `spectral`")
        expected = (images.shape[0], self.fusion.bands, *images.shape[-2:])
        if tuple(spectral.shape) != expected:
            raise ValueError(f"spectral is {tuple(spectral.shape)}, expected {expected}: bands at the pixels of images")
        call = self.fusion.forward_with_record if recorded else self.fusion
        return partial(call, spectral=self.resized(spectral), present=present)

    def stage_tokens(
        self, images: Tensor, num_stages: int = 4, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> list[Tensor]:
        """Outputs of the first `num_stages` stages, before any norm: (B, H/4, W/4, C1), (B, H/8, W/8, C2), ...

        Args:
            spectral: normalized spectral image of each photo, (B, bands, H, W), or None.
            present: photos that have one, (B,) bool; None for all.
        """
        fuses = [self.fusion_at(i, images, spectral, present) for i in range(num_stages)]
        images = self.resized(images)
        embeddings, tokens, outputs = self.position_embeddings(*images.shape[-2:]), self.patch_embed(images), []
        for stage, embedding, fuse in zip(self.stages[:num_stages], embeddings, fuses):
            tokens = stage(tokens, embedding, self.grad_checkpointing and self.training, fuse)
            outputs.append(tokens)
        return outputs

    def visible_stages(self, images: Tensor, visible_indices: Tensor) -> list[Tensor]:
        """Outputs of the four stages for the visible 32-px units alone; the masked units are not computed.

        The outputs do not depend on masked pixels. With all units visible they are those of `stage_tokens`.

        Args:
            images: (B, 3, H, W), sides multiples of 32 and at least 64 px.
            visible_indices: indices of the visible units in row-major order, (B, V) int64, without repeats in an image.
        Returns:
            Four of (B, V, T, C), before any norm, with T = 64, 16, 4, 1 tokens of a unit, in row-major order.
        Raises:
            ValueError: the sides are no multiples of 32, `visible_indices` does not fit them, or this backbone has
                other windows or convolutional stages.
        """
        if self.config.front is not None:
            raise ValueError(
                "masked units can be left out of attention, not of convolutional stages; use a size without _conv"
            )
        height, width = images.shape[-2:]
        if (height, width) != fit_sides(height, width):
            raise ValueError(f"images are {height}x{width} px; masking needs sides that are multiples of {UNIT_PX} px")
        if self.config.window_tokens != (*SIDES[:2], 0, 0):
            windows = self.config.window_tokens
            raise ValueError(f"window_tokens are {windows}; masking needs (8, 4, 0, 0)")
        visible = VisibleUnits.of(visible_indices, height, width)
        embeddings, outputs = self.position_embeddings(height, width), []
        units = visible.gather(self.patch_embed(visible.blanked(images)), SIDES[0])
        for stage, embedding, side in zip(self.stages, embeddings, SIDES):
            assert isinstance(stage, Stage)
            units = stage.forward_visible(units, embedding, visible, side, self.grad_checkpointing and self.training)
            outputs.append(units.reshape(*visible_indices.shape, *units.shape[1:]))
        return outputs

    def stage_records(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> list[StageRecord]:
        """Intermediate results of the four stages: attention weights, mixing ratios, receptive fields, tokens."""
        fuses = [self.fusion_at(i, images, spectral, present, recorded=True) for i in range(4)]
        images = self.resized(images)
        embeddings, tokens = self.position_embeddings(*images.shape[-2:]), self.patch_embed(images)
        records: list[StageRecord] = []
        for stage, embedding, fuse in zip(self.stages, embeddings, fuses):
            if isinstance(stage, ConvStage):
                records.append(stage.forward_with_record(tokens))
            else:
                assert isinstance(stage, Stage)
                records.append(stage.forward_with_record(tokens, embedding, fuse))
            tokens = records[-1].tokens
        return records

    def normalized_map(self, tokens: Tensor, stage: int) -> Tensor:
        """Normalized feature map (B, C, H, W) of the tokens of a stage, (B, H, W, C).

        Only the last stage has a learned norm: those of the others would get no gradient from the classifier.
        """
        return self.normalized(tokens, stage).permute(0, 3, 1, 2)

    def normalized(self, tokens: Tensor, stage: int) -> Tensor:
        """LayerNorm over the channels of the tokens (..., C) of a stage; learned for the last stage only."""
        normalized: Tensor = self.norm(tokens) if stage == 3 else F.layer_norm(tokens, tokens.shape[-1:])
        return normalized

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Feature pyramid: four normalized maps (B, C, H, W) at strides 4, 8, 16 and 32."""
        return [self.normalized_map(tokens, stage) for stage, tokens in enumerate(self.stage_tokens(images))]

    def forward(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """(B, 3, H, W) -> normalized tokens of the last stage, (B, H/32, W/32, C)."""
        tokens: Tensor = self.norm(self.stage_tokens(images, spectral=spectral, present=present)[-1])
        return tokens


def initialize(module: nn.Module) -> None:
    """Initializes the weights of a layer, for `nn.Module.apply`: truncated normal; He for convolutions."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.groups == module.in_channels and module.groups > 1:
            nn.init.trunc_normal_(module.weight, std=0.02)  # depthwise, in a residual branch: starts near 0
        if module.bias is not None:
            nn.init.zeros_(module.bias)
