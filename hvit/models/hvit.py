"""HViT: the backbone with a classification head, behind timm's model interface."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hvit.models.backbone import FUSED_STAGE, Backbone, fit_sides
from hvit.models.config import SIZES, STRIDES, ModelConfig
from hvit.models.details import Details
from hvit.models.layers import DropPath


class HViT(nn.Module):
    """A hierarchical vision transformer for image classification; a `hvit.models.Classifier`.

    Attributes:
        num_features, head_hidden_size: C, channels of `forward_features` and of the embedding.
        num_classes: K.
        global_pool: "avg", or "" for features and logits of each position, (B, H/32, W/32, C or K).
        output_fmt: layout of `forward_features`, "NHWC" as in timm's swin_transformer.
        feature_info: channels, stride and module of each stage, for timm's `features_only`.
    """

    output_fmt = "NHWC"
    exports_to_onnx = True

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.num_features = self.head_hidden_size = config.embed_dims[3]
        self.num_classes = config.num_classes
        self.global_pool = "avg"
        self.head = _head(self.num_features, config.num_classes)
        self.feature_info = [
            {"num_chs": dim, "reduction": stride, "module": f"backbone.stages.{i}"}
            for i, (dim, stride) in enumerate(zip(config.embed_dims, STRIDES))
        ]

    @property
    def spectral_chans(self) -> int:
        """Channels of the spectral image it takes beside the photo; 0 where it takes none."""
        return self.config.spectral_chans

    @property
    def attention_stages(self) -> tuple[int, ...]:
        """Indices of the stages with self-attention."""
        return self.config.attention_stages

    def stage_dims(self) -> list[int]:
        """Channels of the four stages."""
        return list(self.config.embed_dims)

    def forward(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Computes logits.

        Args:
            images: normalized RGB, (B, 3, H, W), sides of at least 64 px.
            spectral: for the `_dfca` sizes: the normalized spectral image of each photo, (B, spectral_chans, H, W).
                Without it the logits are those of the RGB stream alone, also for single samples.
            present: samples that have a spectral image, (B,) bool; None for all.
        Returns:
            Logits, (B, K).
        Raises:
            ValueError: an image is too small, this model takes no `spectral`, or one of another shape.
        """
        return self.forward_head(self.backbone(images, spectral, present))

    def forward_features(self, images: Tensor) -> Tensor:
        """Normalized tokens of the last stage, without pooling, (B, H/32, W/32, C), in the layout of `output_fmt`."""
        features: Tensor = self.backbone(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Pooling and head: logits (B, K) of `forward_features`; with `pre_logits` the embedding (B, C).

        Where `global_pool` is "", of each position: (B, H/32, W/32, K) and (B, H/32, W/32, C).
        """
        embedding = features.mean(dim=(1, 2)) if self.global_pool else features
        output: Tensor = embedding if pre_logits else self.head(embedding)
        return output

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Feature pyramid: four normalized maps (B, C, H, W) at strides 4, 8, 16 and 32."""
        return self.backbone.feature_maps(images)

    def forward_intermediates(
        self,
        images: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Feature maps of some stages, with timm's signature.

        Args:
            indices: of the stages to return; an int for that many last stages, None for all; negative ones count from
                the end.
            norm: apply the norm of the last stage to its map.
            stop_early: do not compute stages after the last one of `indices`; only with `intermediates_only`.
            output_fmt: "NCHW" or "NHWC".
            intermediates_only: return the maps alone, without the final features.
        Raises:
            ValueError: an index or a format that does not exist.
        Returns:
            The final features of `forward_features` and the maps; with `intermediates_only` the maps alone. After
            `prune_intermediate_layers` the final features are those of the last stage that is left.
        """
        if output_fmt not in ("NCHW", "NHWC"):
            raise ValueError(f"output_fmt is {output_fmt!r}, expected 'NCHW' or 'NHWC'")
        chosen = _stage_indices(indices, len(self.backbone.stages))
        stop_early = stop_early and intermediates_only
        tokens = self.backbone.stage_tokens(images, max(chosen) + 1 if stop_early else 4)
        maps = [self.backbone.norm(tokens[i]) if norm and i == 3 else tokens[i] for i in sorted(set(chosen))]
        if output_fmt == "NCHW":
            maps = [m.permute(0, 3, 1, 2) for m in maps]
        return maps if intermediates_only else (self.backbone.norm(tokens[-1]), maps)

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Drops the stages after the last one of `indices`, and the head: timm's hook for `features_only=True`.

        With a stage, the final norm and the head are dropped too, which fit the last stage alone.
        """
        chosen = _stage_indices(indices, len(self.backbone.stages))
        kept = max(chosen) + 1
        drops_stages = kept < len(self.backbone.stages)
        self.backbone.stages = self.backbone.stages[:kept]
        if kept <= FUSED_STAGE:
            self.backbone.fusion = None
        if prune_norm or drops_stages:
            self.backbone.norm = nn.Identity()
        if drops_stages:
            self.num_features = self.head_hidden_size = self.config.embed_dims[kept - 1]
        if prune_head or drops_stages:
            self.reset_classifier(0, "")
        return chosen

    def forward_details(self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None) -> Details:
        """Logits of `forward`, with all attention weights and stage outputs."""
        stages = self.backbone.stage_records(images, spectral, present)
        final_tokens = self.backbone.norm(stages[-1].tokens)
        embedding = self.forward_head(final_tokens, pre_logits=True)
        return Details(self.head(embedding), embedding, stages, final_tokens)

    def forward_stages(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) and the mean token of each stage, four of (B, C), for out-of-distribution scores."""
        tokens = self.backbone.stage_tokens(images, spectral=spectral, present=present)
        return self.forward_head(self.backbone.norm(tokens[-1])), [t.mean(dim=(1, 2)) for t in tokens]

    def forward_pyramid(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Logits, mean tokens and feature pyramid of one forward pass: `forward_stages` and `feature_maps` together."""
        tokens = self.backbone.stage_tokens(images, spectral=spectral, present=present)
        maps = [self.backbone.normalized_map(t, stage) for stage, t in enumerate(tokens)]
        logits = self.forward_head(maps[-1].permute(0, 2, 3, 1))
        return logits, [t.mean(dim=(1, 2)) for t in tokens], maps

    def forward_embedding(
        self, images: Tensor, spectral: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, K) and the pooled features before the head, (B, C)."""
        embedding = self.forward_head(self.backbone(images, spectral, present), pre_logits=True)
        return self.head(embedding), embedding

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replaces the head by a new one; for 0 classes by the identity.

        Args:
            global_pool: see `set_global_pool`; None for no change.
        Raises:
            ValueError: an unknown `global_pool`; nothing is changed then.
        """
        if global_pool is not None:
            self.set_global_pool(global_pool)
        self.num_classes = num_classes
        self.head = _head(self.num_features, num_classes)

    def set_global_pool(self, global_pool: str) -> None:
        """Sets the pooling of `forward_head`: "avg" is global average pooling, "" none.

        Raises:
            ValueError: an unknown pooling.
        """
        if global_pool not in ("avg", ""):
            raise ValueError(f"global_pool is {global_pool!r}; an HViT pools by 'avg', or not at all: ''")
        self.global_pool = global_pool

    def get_classifier(self) -> nn.Module:
        """The classification head; `nn.Identity` where `num_classes` is 0."""
        return self.head

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Turns activation checkpointing on or off: every block is then recomputed in the backward pass."""
        self.backbone.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters, besides norms and biases, that get no weight decay."""
        return {f"backbone.{name}" for name in self.backbone.no_weight_decay()}

    def load_timm_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Loads timm's EfficientNet-Lite weights into the convolutional stages of a `_conv` size.

        Args:
            state_dict: of the timm model that `config.front_config.source` names; batch norms are folded in.
        Raises:
            ValueError: this size has no convolutional stages, or the weights do not fit; nothing is changed then.
        """
        self.backbone.load_timm_weights(state_dict)

    @torch.no_grad()
    def load_backbone(self, other: "HViT") -> None:
        """Copies the backbone of another HViT; its position embedding is interpolated to the `img_size` of this one.

        A spectral stream that only this model has keeps its weights.

        Raises:
            ValueError: the backbones differ in shape; nothing is changed then.
        """
        source, own = other.config, self.config
        if (source.embed_dims, source.depths) != (own.embed_dims, own.depths):
            raise ValueError(
                f"it has embed_dims {source.embed_dims} and depths {source.depths}, the configuration asks for "
                f"{own.embed_dims} and {own.depths}; set both in `model`"
            )
        if source.spectral_chans not in (0, own.spectral_chans):
            raise ValueError(
                f"it takes {source.spectral_chans} spectral channels, the configuration asks for "
                f"{own.spectral_chans}; set spectral.kind and spectral.names to those of that run"
            )
        side = self.backbone.image_embedding.shape[1] * STRIDES[2]
        positions = {"image_embedding": other.backbone.position_embeddings(side, side)[2]}
        kept = {name: value for name, value in self.backbone.state_dict().items() if name.startswith("fusion.")}
        self.backbone.load_state_dict(kept | other.backbone.state_dict() | positions)

    def reinitialized(self) -> "HViT":
        """An HViT of the same configuration with new random weights, on the CPU."""
        return HViT(self.config)

    def check_image_sizes(self, sizes: list[tuple[int, int]]) -> None:
        """Checks (height, width) in px; all from 64 px on are possible.

        Raises:
            ValueError: a side is shorter.
        """
        for height, width in sizes:
            fit_sides(height, width)

    def layer_groups(self) -> dict[str, int]:
        """Layer index of each parameter: 0 next to the image, then one a block, the head last.

        Patch merging counts with the first block of its stage, and the final norm with the head. timm's
        swin_transformer and vision_transformer count the final norm with the last block, so that layer decay lowers
        its learning rate.
        """
        depths = self.config.depths
        first = [1 + sum(depths[:stage]) for stage in range(4)]
        numbers = {}
        for name, _ in self.named_parameters():
            words = name.split(".")
            if name.startswith("backbone.stages."):
                numbers[name] = first[int(words[2])] + (int(words[4]) if words[3] == "blocks" else 0)
            elif name == "backbone.image_embedding" or name.startswith("backbone.fusion."):
                numbers[name] = first[2]
            else:
                is_top = name.startswith(("head.", "backbone.norm."))
                numbers[name] = 1 + sum(depths) if is_top else 0
        return numbers

    def group_matcher(self, coarse: bool = False) -> dict[str, str | list[tuple[str, tuple[int, ...] | None]]]:
        """Patterns for timm's `group_parameters`, which give the indices of `layer_groups`.

        Args:
            coarse: group by stage instead of by block.
        """
        Blocks = list[tuple[str, tuple[int, ...] | None]]
        entry = r"^backbone\.(?:image_embedding|fusion)"  # at the entry of the third stage
        if coarse:
            blocks: Blocks = [(r"^backbone\.stages\.(\d+)", None), (entry, (2,))]
        else:
            enters = r"^backbone\.stages\.(\d+)\.(?:merge|position)"
            blocks = [(r"^backbone\.stages\.(\d+)\.blocks\.(\d+)", None), (enters, (0,)), (entry, (2, 0))]
        return {"stem": r"^backbone\.(?:patch_embed|unit_embedding)", "blocks": blocks}

    def drop_paths(self) -> list[DropPath]:
        """The stochastic-depth layers with a rate above 0, in order."""
        return [m for m in self.modules() if isinstance(m, DropPath) and m.rate > 0]

    def num_drop_paths(self) -> int:
        """Number of stochastic-depth layers with a rate above 0."""
        return len(self.drop_paths())

    def set_drop_path(self, uniform: Tensor) -> None:
        """Fixes the random numbers of stochastic depth, in [0, 1), (num_drop_paths, B), for the next passes."""
        for layer, numbers in zip(self.drop_paths(), uniform):
            layer.uniform = numbers


def _head(dim: int, num_classes: int) -> nn.Module:
    if num_classes == 0:
        return nn.Identity()
    head = nn.Linear(dim, num_classes)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


def _stage_indices(indices: int | list[int] | None, num_stages: int) -> list[int]:
    if indices is None:
        return list(range(num_stages))
    if isinstance(indices, int):
        indices = list(range(-indices, 0))
    chosen = [i + num_stages if i < 0 else i for i in indices]
    if not chosen or not all(0 <= i < num_stages for i in chosen):
        raise ValueError(f"stages {list(indices)} asked for; there are {num_stages}, numbered 0 to {num_stages - 1}")
    return chosen


__all__ = ["Details", "HViT", "ModelConfig", "SIZES", "fit_sides"]
