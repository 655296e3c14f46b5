"""The configurations of the training programs."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_serializer, model_validator

from hvit.models import SIZES
from training.config.augmentation import AugmentConfig, ContrastiveConfig, MaskedConfig, Phase, ViewConfig
from training.config.data import DataConfig, MaskData, PretrainData, SpectralConfig
from training.config.loop import LoopConfig
from training.config.model import NO_CONVOLUTIONS, EncoderSection, ModelSection, PretrainModel, SegmentationHeadConfig
from training.config.optimization import (
    AdamWConfig,
    CalibrationConfig,
    DistillConfig,
    EarlyStopping,
    LossConfig,
    Metric,
    OptimConfig,
    SegmentationOptim,
)


class FinetuneConfig(LoopConfig):
    """Configuration of `training.finetune`."""

    data: DataConfig
    model: ModelSection = ModelSection()
    spectral: SpectralConfig | None = None  # of the _dfca sizes, which need it
    optim: OptimConfig = OptimConfig()
    loss: LossConfig = LossConfig()
    augment: AugmentConfig = AugmentConfig()
    early_stopping: EarlyStopping | None = None
    aux_mae_weight: float = Field(0.0, ge=0)  # weight of masked reconstruction as an auxiliary loss
    masked: MaskedConfig | None = None  # of that reconstruction; defaults as in `MaskedConfig`
    init: Path | None = None  # a run, by path or name, whose backbone training starts from
    init_head: bool = False  # take over the head of that run too; it must know the same classes
    distill: DistillConfig | None = None
    epochs: float = Field(100, gt=0)
    freeze_epochs: float = Field(0.0, ge=0)  # at the start, in which the head alone learns
    batch_size: int = Field(64, gt=0, multiple_of=8)  # per process
    phases: list[Phase] = [Phase(until=1.0, img_size=128)]
    square: float = Field(0.6, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_img_size: int = Field(128, ge=64)
    serve_img_sizes: list[int] = []  # at the end the best of these on the selecting half; empty: eval_img_size
    eval_every: float = Field(2.0, gt=0)  # epochs
    rejection_photos: int = Field(6000, ge=100)  # training photos that the out-of-distribution detector is fitted to
    calibration: CalibrationConfig = CalibrationConfig()
    select_by: Metric = "macro_f1"

    @model_validator(mode="after")
    def _check_phases(self):
        ends = [phase.until for phase in self.phases]
        if ends != sorted(ends) or ends[-1] != 1.0:
            raise ValueError(f"phases end at {ends}; they must rise and the last must end at 1.0")
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_masked(cls, values):
        weight = values.get("aux_mae_weight") if isinstance(values, dict) else None
        return _with_section(values, "masked") if isinstance(weight, int | float) and weight > 0 else values

    @model_validator(mode="after")
    def _check_masked(self):
        if self.masked is not None and self.aux_mae_weight == 0:
            raise ValueError("masked is about the auxiliary loss, and aux_mae_weight is 0; set it, or leave masked out")
        if self.aux_mae_weight > 0 and self.model.is_baseline:
            raise ValueError(f"aux_mae_weight needs an HViT, to leave masked parts out; {self.model.name} cannot")
        if self.aux_mae_weight > 0 and self.model.has_front:
            raise ValueError(f"aux_mae_weight needs {NO_CONVOLUTIONS}; {self.model.name} cannot")
        return self

    @model_validator(mode="after")
    def _check_class_balancing(self):
        options = {
            "data.balance": self.data.balance > 0,
            "loss.class_weights": self.loss.class_weights > 0,
            "loss.name balanced_softmax": self.loss.name == "balanced_softmax",
        }
        chosen = [option for option, is_chosen in options.items() if is_chosen]
        if len(chosen) > 1:
            raise ValueError(
                f"{' and '.join(chosen)} each even out the classes, and together count rare ones twice; choose one "
                "(data.balance and loss.class_weights are off at 0)"
            )
        return self

    @model_validator(mode="after")
    def _check_spectral(self):
        name = self.model.name
        if self.spectral is not None and not self.model.is_fused:
            sizes = ", ".join(size for size in SIZES if SIZES[size].spectral_chans)
            raise ValueError(f"spectral is for {sizes}, and model.name is {name}; change one, or leave spectral out")
        if self.spectral is None and self.model.is_fused:
            plain = name.removesuffix("_dfca")
            raise ValueError(f"{name} takes a spectral picture; set spectral.kind to bands or indices, or use {plain}")
        return self

    @model_validator(mode="after")
    def _check_sharded(self):
        if self.sharded and self.model.is_baseline:
            raise ValueError(f"sharded divides the blocks of an HViT, and {self.model.name} is none; set it to false")
        if self.sharded and self.freeze_epochs > 0 and self.aux_mae_weight > 0:
            raise ValueError("sharded does not go with freeze_epochs and aux_mae_weight together; leave one out")
        return self

    @model_validator(mode="after")
    def _check_initial_weights(self):
        if self.init is not None and self.model.weights is not None:
            raise ValueError("init and model.weights both say where weights come from; leave one of them out")
        if self.init_head and self.init is None:
            raise ValueError("init_head takes over the head of a run; name the run: init")
        if self.distill is not None and self.aux_mae_weight > 0:
            raise ValueError("distill and aux_mae_weight do not go together: no teacher sees masked pictures")
        if self.distill is not None and self.sharded:
            raise ValueError("distill and sharded were not made to go together; set sharded to false")
        return self

    @model_validator(mode="after")
    def _check_freeze_epochs(self):
        has_learned = self.init is not None or (self.model.weights is not None and self.model.is_baseline)
        if self.freeze_epochs > 0 and not has_learned:
            raise ValueError(
                "freeze_epochs keeps a backbone that learned already; name the run it comes from: init, or of a "
                "baseline its pretrained weights: model.weights"
            )
        if self.freeze_epochs > self.epochs:
            raise ValueError(f"freeze_epochs is {self.freeze_epochs}, more than all {self.epochs} epochs")
        return self

    @property
    def learns_features(self) -> bool:
        """Whether the student also predicts the pooled features of its teachers."""
        return self.distill is not None and self.distill.features > 0

    def phase_at(self, progress: float) -> Phase:
        """The phase at a fraction of training."""
        return next(phase for phase in self.phases if progress < phase.until or phase.until == 1.0)

    def augment_at(self, progress: float) -> AugmentConfig:
        """Augmentation strengths at a fraction of training."""
        changed = self.phase_at(progress).mix_probability
        return self.augment if changed is None else self.augment.model_copy(update={"mix_probability": changed})


class PretrainConfig(LoopConfig):
    """Configuration of `training.pretrain`."""

    data: PretrainData
    method: Literal["simclr", "mae"]
    model: PretrainModel = PretrainModel()
    optim: AdamWConfig = AdamWConfig()
    augment: ViewConfig = ViewConfig()
    contrastive: ContrastiveConfig | None = None  # of simclr
    masked: MaskedConfig | None = None  # of mae
    epochs: float = Field(100, gt=0)
    batch_size: int = Field(64, gt=0, multiple_of=8)  # photos per process
    img_size: int = Field(128, ge=64, multiple_of=32)
    square: float = Field(0.6, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_every: float = Field(10.0, gt=0)  # epochs

    @model_validator(mode="after")
    def _check_mae_model(self):
        if self.method == "mae" and self.model.has_front:
            raise ValueError(f"mae needs {NO_CONVOLUTIONS}; {self.model.name} cannot: use simclr, or a plain size")
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_section(cls, values):
        method = values.get("method") if isinstance(values, dict) else None
        section = {"simclr": "contrastive", "mae": "masked"}.get(method)
        return values if section is None else _with_section(values, section)

    @model_validator(mode="after")
    def _check_method_options(self):
        other = {"simclr": "masked", "mae": "contrastive"}[self.method]
        if getattr(self, other) is not None:
            raise ValueError(f"{other} has nothing to say where method is {self.method}; leave it out")
        if self.method == "simclr" and self.accum_steps > 1:
            raise ValueError(
                "accum_steps divides a batch, and simclr compares each picture with all others of it; set it to 1"
            )
        return self


class SegmentConfig(LoopConfig):
    """Configuration of `training.segment`."""

    init: Path  # run with the frozen backbone of the head, by path or name
    data: MaskData
    head: SegmentationHeadConfig = SegmentationHeadConfig()
    encoder: EncoderSection | None = None  # a baseline: a timm model learns too, in place of the frozen backbone
    optim: SegmentationOptim = SegmentationOptim()
    augment: ViewConfig = ViewConfig(min_area=0.35, max_margin=0.3, turn_degrees=45, turn_probability=0.5)
    dice_weight: float = Field(1.0, ge=0)  # weight of the soft Dice loss
    epochs: float = Field(20, gt=0)
    batch_size: int = Field(16, gt=0, multiple_of=8)  # per process
    square: float = Field(0.5, ge=0, le=1)  # batches that are square; the others have another aspect
    eval_every: float = Field(2.0, gt=0)  # epochs
    sharded: Literal[False] = False  # the head is far too small to be divided

    @field_serializer("init")
    def _init_with_forward_slashes(self, init: Path) -> str:
        return init.as_posix()


def _with_section(values: dict, name: str) -> dict:
    """Fills in an empty section where it is missing or null."""
    return values if values.get(name) is not None else values | {name: {}}
