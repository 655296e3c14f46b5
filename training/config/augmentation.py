"""Sections on augmentation, and on the pretext tasks of pre-training."""

from pydantic import Field

from training.config.base import Section


class ViewConfig(Section):
    """Augmentation strengths of a single image; probabilities in [0, 1]."""

    quarter_turns: bool = True
    stretch: float = Field(0.1, ge=0, le=0.5)  # aspect changes up to this fraction
    min_area: float = Field(0.25, gt=0, le=1)  # smallest crop, as a fraction of the photo
    whole: float = Field(0.4, ge=0, le=1)  # probability of showing the full photo, padded to the aspect ratio
    max_margin: float = Field(0.5, ge=0)
    turn_probability: float = Field(0.3, ge=0, le=1)
    turn_degrees: float = Field(20, ge=0, le=180)
    color_probability: float = Field(0.8, ge=0, le=1)
    color: float = Field(0.25, ge=0, lt=1)  # brightness, contrast, saturation
    hue: float = Field(0.02, ge=0, le=0.1)  # of a full turn
    white_balance: float = Field(0.06, ge=0, lt=0.5)
    blur_probability: float = Field(0.15, ge=0, le=1)
    noise_probability: float = Field(0.15, ge=0, le=1)
    noise: float = Field(0.03, ge=0, le=0.5)
    grey_probability: float = Field(0.0, ge=0, le=1)


class AugmentConfig(ViewConfig):
    """Augmentation strengths of a labeled batch, with mixup and CutMix."""

    mix_probability: float = Field(0.5, ge=0, le=1)  # of a block of eight samples
    cutmix_share: float = Field(0.6, ge=0, le=1)  # of the mixed blocks
    mixup_alpha: float = Field(0.3, gt=0)


class MaskedConfig(Section):
    """Masking ratio, and the decoder of masked autoencoding."""

    mask_ratio: float = Field(0.6, gt=0, lt=1)  # of the 32-px units
    decoder_dim: int = Field(128, ge=32, multiple_of=32)
    decoder_depth: int = Field(2, ge=1)


class ContrastiveConfig(Section):
    """Contrastive loss of SimCLR."""

    temperature: float = Field(0.2, gt=0)
    decoupled: bool = True  # the positive pair is left out of the denominator
    hidden_dim: int = Field(512, ge=1)
    projection_dim: int = Field(128, ge=2)


class Phase(Section):
    """A phase of training at one resolution."""

    until: float = Field(gt=0, le=1)  # fraction of training at which it ends
    img_size: int = Field(ge=64, multiple_of=32)
    mix_probability: float | None = Field(None, ge=0, le=1)  # instead of the one in `augment`
