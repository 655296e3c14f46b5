"""Images to four feature maps: the hierarchy itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hvit.models.config import STRIDES, UNIT_PX, ModelConfig
from hvit.models.conv_front import (
    ConvDownsample,
    ConvPatchEmbed,
    InvertedResidual,
    ReceptiveField,
    folded_tensors,
    front_blocks,
    full_precision_on_cpu,
    group_blocks,
    initialize_front,
    record_blocks,
)
from hvit.models.fusion import Fusion, FusionRecord
from hvit.models.layers import Block, PatchEmbed, PatchMerging, PositionConv, grid_of, windows_of
from hvit.models.sparse import SIDES, VisibleUnits

MIN_SIDE_PX = 64
MIDDLE = 4  # of the nine taps of a 3x3 kernel
FIRST_ATTENDING = 2  # of the stages, where the first two are convolutions
FUSED_STAGE = 2  # the first with global attention; a spectral picture joins in as its tokens enter


@dataclass(frozen=True)
class StageRecord:
    """What one stage did to a batch.

    Attributes:
        attentions: one tensor a block, (B*windows, num_heads, T, T); windows run row by row within an image. Empty for
            a stage of convolutions.
        window_tokens: side of a window in tokens; 0 where attention is global.
        attended: one tensor a block, (B*windows, T): how much attention adds to a token, see `Block`.
        tokens: output of the stage, (B, H, W, C), before any norm.
        convolutions: of the convolutions in order, before the attention blocks: how much each position feeds another.
            Of a stage that attends: the convolution into it (none for the first stage) and the position convolution.
        merge_input: tokens of the stage before as this stage reads them, (B, 2H, 2W, C'): normalised where it begins
            with a norm; None for the first stage.
        fusion: what a spectral picture added as tokens entered; None where there was none.
    """

    attentions: list[Tensor]
    window_tokens: int
    attended: list[Tensor]
    tokens: Tensor
    convolutions: list[ReceptiveField]
    merge_input: Tensor | None = None
    fusion: FusionRecord | None = None


class ConvStage(nn.Module):
    """Inverted residual blocks at one stride: a stage of the convolutional front."""

    def __init__(self, config: ModelConfig, index: int, drop_path_rates: list[float]):
        super().__init__()
        group, in_chans = config.front_config.groups[index + 1], config.embed_dims[index - 1]
        entering, *blocks = group_blocks(in_chans, group, [0.0, *drop_path_rates])
        self.merge = entering if index else nn.Identity()  # that of the first stage ends the patch embedding
        self.blocks = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor, embedding: None = None, checkpointed: bool = False, fuse: None = None) -> Tensor:
        """(B, H, W, C) -> (B, H', W', C')."""
        with full_precision_on_cpu(tokens):
            feature_map = self.merge(tokens.permute(0, 3, 1, 2))
            for block in self.blocks:
                if checkpointed:
                    feature_map = checkpoint(block, feature_map, use_reentrant=False)
                else:
                    feature_map = block(feature_map)
        return feature_map.permute(0, 2, 3, 1)

    def forward_with_record(self, tokens: Tensor, embedding: None = None, fuse: None = None) -> StageRecord:
        """The same output, with the receptive field of every block."""
        enters = isinstance(self.merge, InvertedResidual)
        blocks = [self.merge, *self.blocks] if enters else self.blocks
        with full_precision_on_cpu(tokens):
            feature_map, fields = record_blocks(blocks, tokens.permute(0, 3, 1, 2))
        return StageRecord([], 0, [], feature_map.permute(0, 2, 3, 1), fields, tokens if enters else None)


class Stage(nn.Module):
    """Merges the grid of the stage before, encodes positions, then attends."""

    def __init__(self, config: ModelConfig, index: int, drop_path_rates: list[float]):
        super().__init__()
        dim = config.embed_dims[index]
        self.window_tokens = config.window_tokens[index]
        if config.front is not None and index == FIRST_ATTENDING:
            self.merge = ConvDownsample(config.front_config, dim)
        else:
            self.merge = PatchMerging(config.embed_dims[index - 1], dim) if index else nn.Identity()
        self.position = PositionConv(dim)
        self.blocks = nn.ModuleList(Block(dim, config.head_dim, config.mlp_ratio, rate) for rate in drop_path_rates)

    def enter(self, tokens: Tensor, embedding: Tensor | None) -> Tensor:
        tokens = self.position(self.merge(tokens))
        return tokens if embedding is None else tokens + embedding

    def forward(
        self,
        tokens: Tensor,
        embedding: Tensor | None = None,
        checkpointed: bool = False,
        fuse: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """(B, H, W, C) -> (B, H', W', C'). The grid is cut into windows once, not once a block.

        `fuse` maps the tokens that entered and their position embedding to as many tokens.
        """
        tokens = self.enter(tokens, embedding)
        if fuse is not None:
            tokens = fuse(tokens, embedding)
        shape = tokens.shape
        windows = windows_of(tokens, self.window_tokens)
        for block in self.blocks:
            if checkpointed:
                windows = checkpoint(block, windows, shape[0], use_reentrant=False)
            else:
                windows = block(windows, shape[0])
        return grid_of(windows, self.window_tokens, shape)

    def forward_visible(
        self, units: Tensor, embedding: Tensor | None, visible: VisibleUnits, side: int, checkpointed: bool = False
    ) -> Tensor:
        """The same for visible units alone: (B*V, T, C) of the stage before -> (B*V, side*side, C').

        Args:
            units: of the stage before, with 2*side by 2*side tokens; of the stem, with side by side, for the first.
            side: tokens along a unit in this stage.
        """
        if isinstance(self.merge, PatchMerging):
            # Normalised before the zeros are put in: the norm of zeros is its bias, and would not be nothing.
            grid = visible.scatter(self.merge.norm(units), 2 * side)
            units = visible.gather(self.merge.conv(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), side)
        units = visible.gather(self.position(visible.scatter(units, side)), side)
        if embedding is not None:
            units = units + visible.gather(embedding.expand(len(visible.kept), -1, -1, -1), side)
        shape, num_images = units.shape, len(visible.kept)
        # A unit is a window; where attention is global, all units of an image are.
        windows = units if self.window_tokens else units.reshape(num_images, -1, shape[-1])
        for block in self.blocks:
            if checkpointed:
                windows = checkpoint(block, windows, num_images, use_reentrant=False)
            else:
                windows = block(windows, num_images)
        return windows.reshape(shape)

    def forward_with_record(
        self,
        tokens: Tensor,
        embedding: Tensor | None = None,
        fuse: Callable[[Tensor, Tensor], tuple[Tensor, FusionRecord]] | None = None,
    ) -> StageRecord:
        """The same outputs, with every attention matrix kept, and what else mixes tokens."""
        convolutions, merge_input = [], None
        if isinstance(self.merge, PatchMerging):
            merge_input = self.merge.norm(tokens)
            convolutions = [ReceptiveField(receptive_field_weights(self.merge, merge_input), stride=2, before=1)]
            tokens = self.merge.conv(merge_input.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        elif isinstance(self.merge, ConvDownsample):
            merge_input = tokens
            tokens, convolutions = self.merge.forward_with_record(tokens)
        convolutions.append(ReceptiveField(neighbor_weights(self.position, tokens), stride=1, before=1))
        tokens, fusion = self.position(tokens), None
        if embedding is not None:
            tokens = tokens + embedding
        if fuse is not None:
            tokens, fusion = fuse(tokens, embedding)
        windows, attentions, attended = windows_of(tokens, self.window_tokens), [], []
        for block in self.blocks:
            windows, weights, share = block.forward_with_weights(windows, tokens.shape[0])
            attentions.append(weights)
            attended.append(share)
        outputs = grid_of(windows, self.window_tokens, tokens.shape)
        return StageRecord(attentions, self.window_tokens, attended, outputs, convolutions, merge_input, fusion)


@torch.no_grad()
def receptive_field_weights(merge: PatchMerging, normed: Tensor) -> Tensor:
    """How much each of the 3x3 tokens under the merging convolution feeds each output token.

    The weight of tap k is the Euclidean norm of its contribution, |W_k x_j|, divided by the sum over the taps.

    Args:
        normed: tokens as the convolution of `merge` reads them, normalised, (B, H, W, C).
    Returns:
        (B, H/2, W/2, 9), non-negative, summing to 1 over the last axis; taps beyond the border are 0.
    """
    B, H, W, C = normed.shape
    patches = F.unfold(normed.permute(0, 3, 1, 2), 3, padding=1, stride=2)  # (B, C*9, H/2*W/2)
    patches = patches.reshape(B, C, 9, -1).permute(2, 0, 3, 1).reshape(9, -1, C)
    taps = merge.conv.weight.flatten(2).permute(2, 1, 0)  # (9, C, C')
    strength = torch.bmm(patches, taps.to(patches.dtype)).norm(dim=-1).T.reshape(B, H // 2, W // 2, 9)
    total = strength.sum(-1, keepdim=True)
    inside = F.unfold(normed.new_ones(1, 1, H, W), 3, padding=1, stride=2)[0].T.reshape(1, H // 2, W // 2, 9)
    return torch.where(total > 0, strength / total.clamp_min(1e-30), inside / inside.sum(-1, keepdim=True))


@torch.no_grad()
def neighbor_weights(position: PositionConv, tokens: Tensor) -> Tensor:
    """How much each of the 3x3 tokens around feeds a token through the position convolution and its residual.

    As in `receptive_field_weights` the weight of a tap is the norm of its contribution: |w_k * x_j|, channel by
    channel, and |(1 + w_k) * x_j| for the token itself, which the residual carries along.

    Args:
        tokens: input of `position`, (B, H, W, C).
    Returns:
        (B, H, W, 9), non-negative, summing to 1 over the last axis; taps beyond the border are 0.
    """
    kernel = position.conv.weight.flatten(1).T.clone()  # (9, C)
    kernel[MIDDLE] += 1
    # Before the taps are laid side by side: the norm of a product by channels is a small matrix product.
    strength = (tokens.square() @ kernel.square().T.to(tokens.dtype)).sqrt()
    H, W = tokens.shape[1:3]
    padded = F.pad(strength, (0, 0, 1, 1, 1, 1))
    taps = [padded[:, k // 3 : k // 3 + H, k % 3 : k % 3 + W, k] for k in range(9)]
    strength = torch.stack(taps, -1)
    total = strength.sum(-1, keepdim=True)
    alone = F.one_hot(torch.tensor(MIDDLE, device=tokens.device), 9).to(strength.dtype)
    return torch.where(total > 0, strength / total.clamp_min(1e-30), alone)


def fit_sides(height: int, width: int) -> tuple[int, int]:
    """The nearest sides in pixels an HViT computes at: multiples of 32, at least 64.

    Raises:
        ValueError: a side is shorter than 64 px.
    """
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"images are {height}x{width} px; both sides must be at least {MIN_SIDE_PX} px")
    return tuple(max(MIN_SIDE_PX, UNIT_PX * int(side / UNIT_PX + 0.5)) for side in (height, width))


class Backbone(nn.Module):
    """Four stages at strides 4, 8, 16 and 32: windows of one 32-px unit in the first two, global attention after.

    With a `front`, the first two stages and the way down to stride 16 are convolutions (`hvit.models.conv_front`).
    Any size from 64 px: sides are resized (antialiased) to the nearest multiple of 32, so there are no padded tokens.
    With `spectral_chans`, tokens that enter the third stage attend to those of a spectral picture, where there is one.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.grad_checkpointing = False
        total = sum(config.depths)
        rates = [config.drop_path_rate * i / max(1, total - 1) for i in range(total)]
        first = [sum(config.depths[:i]) for i in range(4)]
        front, kinds = config.front_config, [Stage] * 4
        if front is None:
            self.patch_embed = PatchEmbed(config.in_chans, config.embed_dims[0])
        else:
            self.patch_embed = ConvPatchEmbed(front, config.in_chans)
            kinds = [ConvStage, ConvStage, Stage, Stage]
        self.stages = nn.ModuleList(
            kind(config, i, rates[first[i] : first[i] + config.depths[i]]) for i, kind in enumerate(kinds)
        )
        # One embedding tiled over the units, and one of the whole image at stride 16 that is interpolated:
        # windows then never conflict with interpolation (Bolya et al. 2023, arXiv:2311.05613).
        unit, grid = UNIT_PX // STRIDES[0], max(2, config.img_size // STRIDES[2])
        self.unit_embedding = None if front else nn.Parameter(torch.zeros(1, unit, unit, config.embed_dims[0]))
        self.image_embedding = nn.Parameter(torch.zeros(1, grid, grid, config.embed_dims[2]))
        self.norm = nn.LayerNorm(config.embed_dims[3])
        self.apply(initialize)
        if front is not None:
            initialize_front(self)
        for embedding in (self.unit_embedding, self.image_embedding):
            if embedding is not None:
                nn.init.trunc_normal_(embedding, std=0.02)
        self.fusion = None
        if config.spectral_chans:  # drawn last: all else starts as in the model without it
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
        if self.config.front is None:
            raise ValueError("this model has no convolutional front to load weights into; use a _conv size")
        convolutions = [self.patch_embed.stem]
        for block in front_blocks(self.patch_embed, self.stages):
            convolutions += [conv for conv in (block.expand, block.depthwise, block.project) if conv is not None]
        folded = list(folded_tensors(self.config.front_config, state_dict))
        for conv, (weight, _) in zip(convolutions, folded, strict=True):
            if conv.weight.shape != weight.shape:
                raise ValueError(
                    f"a convolution of {self.config.front} is {tuple(conv.weight.shape)}, and that of the weights "
                    f"{tuple(weight.shape)}; expected those of {self.config.front_config.source}"
                )
        for conv, (weight, bias) in zip(convolutions, folded, strict=True):
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)

    def no_weight_decay(self) -> set[str]:
        """Names of the position embeddings: the parameters besides norms and biases that must not decay."""
        names = ("unit_embedding", "image_embedding")
        return {name for name in names if getattr(self, name) is not None}

    def embeddings(self, height: int, width: int) -> list[Tensor | None]:
        """Position embedding of each stage for images of these sides in px; None where a stage has none."""
        unit = self.unit_embedding
        if unit is not None:
            unit = unit.repeat(1, height // UNIT_PX, width // UNIT_PX, 1)
        grid, image = (height // STRIDES[2], width // STRIDES[2]), self.image_embedding
        if image.shape[1:3] != grid:
            image = F.interpolate(image.permute(0, 3, 1, 2), grid, mode="bicubic", antialias=True, align_corners=False)
            image = image.permute(0, 2, 3, 1)
        return [unit, None, image, None]

    def fitted(self, images: Tensor) -> Tensor:
        """Images at sides the stages divide evenly."""
        sides = fit_sides(*images.shape[-2:])
        if sides == tuple(images.shape[-2:]):
            return images
        return F.interpolate(images, sides, mode="bilinear", antialias=True, align_corners=False)

    def fuse_at(self, index: int, images: Tensor, spectral: Tensor | None, present: Tensor | None, recorded=False):
        """What joins a spectral picture to the tokens that enter a stage; None where nothing does.

        Raises:
            ValueError: the picture is not one this backbone takes, or not of these images.
        """
        if spectral is None or index != FUSED_STAGE:
            return None
        if self.fusion is None:
            raise ValueError("this model has no spectral stream; only the _dfca sizes take `spectral`")
        expected = (images.shape[0], self.fusion.bands, *images.shape[-2:])
        if tuple(spectral.shape) != expected:
            raise ValueError(f"spectral is {tuple(spectral.shape)}, expected {expected}: bands at the pixels of images")
        call = self.fusion.forward_with_record if recorded else self.fusion
        return partial(call, spectral=self.fitted(spectral), present=present)

    def stage_tokens(
        self, images: Tensor, num_stages: int = 4, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> list[Tensor]:
        """Outputs of the first `num_stages` stages, before any norm: (B, H/4, W/4, C1), (B, H/8, W/8, C2), ...

        Args:
            spectral: normalised spectral picture of each image, (B, bands, H, W), or None.
            present: images that have one, (B,) bool; None is all.
        """
        fuses = [self.fuse_at(i, images, spectral, present) for i in range(num_stages)]
        images = self.fitted(images)
        embeddings, tokens, outputs = self.embeddings(*images.shape[-2:]), self.patch_embed(images), []
        for stage, embedding, fuse in zip(self.stages[:num_stages], embeddings, fuses):
            tokens = stage(tokens, embedding, self.grad_checkpointing and self.training, fuse)
            outputs.append(tokens)
        return outputs

    def visible_stages(self, images: Tensor, kept: Tensor) -> list[Tensor]:
        """Outputs of the four stages for some 32-px units alone, as if the others did not exist.

        Masked pixels change nothing. With all units kept the outputs are those of `stage_tokens`.

        Args:
            images: (B, 3, H, W), sides multiples of 32 and at least 64 px.
            kept: numbers of the units to compute, row by row, (B, V) int64; none twice in a row.
        Returns:
            Four of (B, V, T, C), before any norm, with T = 64, 16, 4, 1 tokens of a unit, row by row.
        Raises:
            ValueError: the sides are no multiples of 32, or `kept` does not fit them; or the windows of this backbone
                are not units.
        """
        if self.config.front is not None:
            raise ValueError("parts of an image can be left out of attention, not of convolutions; use a plain size")
        height, width = images.shape[-2:]
        if (height, width) != fit_sides(height, width):
            raise ValueError(f"images are {height}x{width} px; units need sides that are multiples of {UNIT_PX} px")
        if self.config.window_tokens != (*SIDES[:2], 0, 0):
            windows = self.config.window_tokens
            raise ValueError(f"window_tokens are {windows}; units can be left out where they are (8, 4, 0, 0)")
        visible = VisibleUnits.of(kept, height, width)
        embeddings, outputs = self.embeddings(height, width), []
        units = visible.gather(self.patch_embed(visible.blanked(images)), SIDES[0])
        for stage, embedding, side in zip(self.stages, embeddings, SIDES):
            units = stage.forward_visible(units, embedding, visible, side, self.grad_checkpointing and self.training)
            outputs.append(units.reshape(*kept.shape, *units.shape[1:]))
        return outputs

    def stage_records(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> list[StageRecord]:
        """The four stages with their attention matrices."""
        fuses = [self.fuse_at(i, images, spectral, present, recorded=True) for i in range(4)]
        images = self.fitted(images)
        embeddings, tokens, records = self.embeddings(*images.shape[-2:]), self.patch_embed(images), []
        for stage, embedding, fuse in zip(self.stages, embeddings, fuses):
            records.append(stage.forward_with_record(tokens, embedding, fuse))
            tokens = records[-1].tokens
        return records

    def normalized_map(self, tokens: Tensor, stage: int) -> Tensor:
        """Tokens of a stage (B, H, W, C) as a feature map (B, C, H, W), normalised over the channels.

        Only the last stage has a learned norm: one for each of the others would get no gradient from a classifier.
        """
        return self.normalized(tokens, stage).permute(0, 3, 1, 2)

    def normalized(self, tokens: Tensor, stage: int) -> Tensor:
        """Tokens (..., C) of a stage, normalised over the channels."""
        return self.norm(tokens) if stage == 3 else F.layer_norm(tokens, tokens.shape[-1:])

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """The pyramid: four normalised maps (B, C, H, W) at strides 4, 8, 16 and 32."""
        return [self.normalized_map(tokens, stage) for stage, tokens in enumerate(self.stage_tokens(images))]

    def forward(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """(B, 3, H, W) -> normalised tokens of the last stage, (B, H/32, W/32, C)."""
        return self.norm(self.stage_tokens(images, spectral=spectral, present=present)[-1])


def initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.groups == module.in_channels and module.groups > 1:
            nn.init.trunc_normal_(module.weight, std=0.02)  # a residual branch: starts near the identity
        if module.bias is not None:
            nn.init.zeros_(module.bias)
