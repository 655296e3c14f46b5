"""Configuration of an HViT, and the named sizes of the family."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from hvit.models.conv_front import FRONTS, FrontConfig

STRIDES = (4, 8, 16, 32)
UNIT_PX = 32  # image sides are multiples of it; a unit of 32 x 32 px is one attention window of stages 1 and 2


@dataclass(frozen=True)
class ModelConfig:
    """Architecture of an HViT.

    Args:
        embed_dims: channels of the four stages.
        depths: blocks of the four stages.
        head_dim: channels of one attention head; divides the `embed_dims` of every stage with attention.
        mlp_ratio: hidden channels of an MLP as a multiple of its input.
        window_tokens: side of the attention windows of each stage, in tokens; 0 is global attention.
        in_chans: channels of an image.
        num_classes: outputs of the head; 0 for no head: the output is the pooled embedding.
        img_size: image side in px of the position embedding, which is interpolated for other sizes.
        drop_path_rate: stochastic-depth rate of the last block; grows linearly from 0 at the first.
        spectral_chans: channels of the spectral image that a `_dfca` size takes beside the photo; 0 for none.
        front: name in `FRONTS` of the convolutional network that replaces stages 1 and 2 and the downsampling to
            stride 16, which sets the first two entries of `embed_dims` and `depths`; None for attention in all stages.
    """

    embed_dims: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    head_dim: int = 64
    mlp_ratio: float = 4.0
    window_tokens: tuple[int, int, int, int] = (8, 4, 0, 0)
    in_chans: int = 3
    num_classes: int = 1000
    img_size: int = 224
    drop_path_rate: float = 0.0
    spectral_chans: int = 0
    front: str | None = None

    def __post_init__(self) -> None:
        for name in ("embed_dims", "depths", "window_tokens"):
            value = tuple(getattr(self, name))
            if len(value) != 4:
                raise ValueError(f"{name} has {len(value)} entries, expected 4 (one a stage): {value}")
            object.__setattr__(self, name, value)
        if self.spectral_chans < 0:
            raise ValueError(f"spectral_chans is {self.spectral_chans}, expected 0 or more")
        self._check_front()
        if any(self.embed_dims[stage] % self.head_dim for stage in self.attention_stages):
            which = "all" if self.front is None else "from the third on"
            raise ValueError(f"embed_dims {self.embed_dims} are not {which} multiples of head_dim {self.head_dim}")
        for tokens, stride in zip(self.window_tokens, STRIDES):
            if tokens and UNIT_PX % (tokens * stride):
                raise ValueError(f"a window of {tokens} tokens at stride {stride} does not tile {UNIT_PX} px")

    def _check_front(self) -> None:
        if self.front is None:
            return
        if self.front not in FRONTS:
            raise ValueError(f"front is {self.front!r}, expected one of {', '.join(FRONTS)}")
        groups = FRONTS[self.front].groups[1:3]
        # The first block of a group downsamples, as patch merging does; the others are the depth of the stage.
        dims, depths = (tuple(values) for values in zip(*((group.channels, group.repeats - 1) for group in groups)))
        if self.embed_dims[:2] != dims or self.depths[:2] != depths:
            raise ValueError(
                f"embed_dims {self.embed_dims} and depths {self.depths} do not begin with those of {self.front}: "
                f"{dims} and {depths}"
            )

    @property
    def front_config(self) -> FrontConfig | None:
        """The convolutional stages; None where all stages have attention."""
        return None if self.front is None else FRONTS[self.front]

    @property
    def attention_stages(self) -> tuple[int, ...]:
        """Indices of the stages with attention; the others are convolutional."""
        return (0, 1, 2, 3) if self.front is None else (2, 3)

    def to_dict(self) -> dict[str, Any]:
        """The fields as lists and numbers, for JSON and YAML."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


# Without stochastic depth: a configuration of `training` sets its rate.
SIZES = {
    "hvit_tiny": ModelConfig((32, 64, 128, 256), (1, 2, 6, 4), head_dim=32),
    "hvit_small": ModelConfig((64, 128, 256, 512), (1, 2, 9, 4)),
    "hvit_base": ModelConfig((128, 256, 512, 1024), (1, 2, 9, 4)),
    "hvit_large": ModelConfig((192, 384, 768, 1536), (1, 2, 12, 7)),
}
# Convolutional stages with pretrained weights up to stride 16, attention after: for small data sets.
CONV_SIZES = {
    "hvit_tiny_conv": ModelConfig(
        (24, 40, 192, 320), (1, 1, 4, 2), head_dim=32, mlp_ratio=3.0, front="efficientnet_lite0"
    ),
    "hvit_small_conv": ModelConfig((24, 48, 320, 512), (2, 2, 7, 4), head_dim=32, front="efficientnet_lite2"),
}
# With a spectral stream beside the photo; by default of the five bands of LeafSim.
SIZES |= {f"{name}_dfca": replace(config, spectral_chans=5) for name, config in SIZES.items()} | CONV_SIZES
